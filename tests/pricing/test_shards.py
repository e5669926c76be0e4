from dataclasses import replace

import numpy as np
import pytest

from pricing import Terms, value
from pricing.errors import BadFile
from pricing.plan import plan_of
from pricing.shards import WrongShard, merge, parse_blocks, read_shard, write_shard
from tests.pricing.builders import pool, random_frame, reference

TERMS = Terms(paths=1024)


@pytest.fixture(scope="module")
def plan():
    return plan_of(pool(random_frame(40)), reference(), TERMS)


def shard(plan, folder, *blocks):
    path = folder / f"{'-'.join(map(str, blocks))}.npz"
    write_shard(plan, blocks, path, None)
    return path


def test_shards_join_in_any_order_to_the_bytes_of_one_run(plan, tmp_path):
    paths = [shard(plan, tmp_path, 3), shard(plan, tmp_path, 0, 2), shard(plan, tmp_path, 1)]
    whole = value(plan.portfolio.loans, reference(), TERMS).to_json()
    assert merge(plan, paths).to_json() == whole
    assert merge(plan, paths[::-1]).to_json() == whole


def test_a_shard_written_again_has_the_same_arrays(plan, tmp_path):
    first, again = (read_shard(plan, shard(plan, tmp_path, 1))[0] for _ in range(2))
    np.testing.assert_array_equal(first.net, again.net)
    np.testing.assert_array_equal(first.cumulants, again.cumulants)


def test_missing_and_repeated_blocks_are_named(plan, tmp_path):
    first, pair = shard(plan, tmp_path, 0), shard(plan, tmp_path, 0, 1)
    with pytest.raises(WrongShard, match=r"missing: \[2, 3\]; given twice: \[0\]"):
        merge(plan, [first, pair])


def test_a_shard_of_another_run_is_refused(plan, tmp_path):
    path = shard(plan, tmp_path, 0)
    other = plan_of(plan.portfolio.loans, reference(), replace(TERMS, seed=2))
    with pytest.raises(WrongShard, match="terms_hash"):
        read_shard(other, path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_a_file_that_is_no_shard_is_refused(plan, tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(BadFile, match="not a shard"):
        read_shard(plan, tmp_path / "x.npz")
    with pytest.raises(BadFile, match="no such file"):
        read_shard(plan, tmp_path / "y.npz")


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("block", lambda whole: whole.astype(float)),
        ("cumulants", lambda whole: whole[:, :, :2]),
        ("net", lambda whole: whole[:1]),
        ("gross", lambda whole: whole.astype(str)),
        ("live", lambda whole: whole * np.nan),
        ("identity", lambda _: np.array("[1]")),
        ("identity", lambda _: np.array("[" * 100_000)),
    ],
)
def test_a_shard_with_odd_arrays_is_refused_by_name(plan, tmp_path, name, odd):
    path = shard(plan, tmp_path, 0, 1)
    with np.load(path) as stored:
        arrays = {each: stored[each] for each in stored.files}
    np.savez(path, **arrays | {name: odd(arrays[name])})
    with pytest.raises(BadFile, match="not a shard" if name == "identity" else f"'{name}'"):
        read_shard(plan, path)


def test_a_plain_array_is_no_shard(plan, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(BadFile, match="not a shard"):
        read_shard(plan, tmp_path / "x.npy")


@pytest.mark.parametrize("text", ["", "3", "a:b", "2:2", "3:1", "0:5", "-1:2", "0:", "0:1:2"])
def test_blocks_outside_the_run_are_refused(text):
    with pytest.raises(WrongShard):
        parse_blocks(text, 4)


def test_blocks_are_first_and_end():
    assert list(parse_blocks("1:4", 4)) == [1, 2, 3]
