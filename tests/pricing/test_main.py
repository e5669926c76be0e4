import json
import subprocess
import sys

import pandas as pd
import pytest

from pricing import Result, Terms
from pricing.__main__ import BEYOND_LIMITS, DONE, REFUSED, main
from pricing.bench import Size, scaling
from tests.pricing.builders import CN, random_frame, reference


@pytest.fixture
def folder(tmp_path):
    random_frame(80).to_csv(tmp_path / "loans.csv", index=False)
    random_frame(80).to_parquet(tmp_path / "loans.parquet", index=False)
    (tmp_path / "terms.json").write_text(Terms(paths=256).to_json())
    (tmp_path / "calibration.json").write_text(reference().to_json())
    return tmp_path


def run_value(folder, out="out", **changes):
    options = {
        "loans": folder / "loans.csv",
        "calibration": CN,
        "terms": folder / "terms.json",
        "out": folder / out,
    } | changes
    return main(
        ["value", *(text for key, arg in options.items() for text in (f"--{key}", str(arg)))]
    )


def test_value_writes_three_files_that_agree(folder):
    assert run_value(folder) == DONE
    result = Result.from_json((folder / "out/result.json").read_text())
    loans = pd.read_parquet(folder / "out/loans.parquet")
    cash = pd.read_parquet(folder / "out/cash.parquet")
    assert loans["price"].sum() == pytest.approx(result.price, rel=1e-9)
    assert loans["loan_id"].tolist() == [f"L{number}" for number in range(80)]
    assert cash["net"].cumsum().iloc[-1] == pytest.approx(result.cumulative_mean[-1])
    assert len(cash) == 60


def test_csv_parquet_and_a_calibration_file_give_the_same_bytes(folder):
    run_value(folder)
    run_value(folder, "parquet", loans=folder / "loans.parquet")
    run_value(folder, "file", calibration=folder / "calibration.json")
    texts = {(folder / name / "result.json").read_text() for name in ("out", "parquet", "file")}
    assert len(texts) == 1


def test_shards_from_the_command_line_join_to_the_same_bytes(folder):
    (folder / "terms.json").write_text(Terms(paths=512).to_json())
    assert run_value(folder) == DONE
    assert run_value(folder, "shards", blocks="1:2") == run_value(folder, "shards", blocks="0:1")
    shards = sorted(str(path) for path in (folder / "shards").glob("*.npz"))
    options = ["--loans", str(folder / "loans.csv"), "--calibration", CN]
    options += ["--terms", str(folder / "terms.json"), "--out", str(folder / "joined")]
    assert main(["merge", *options, *shards]) == DONE
    whole, joined = ((folder / name / "result.json").read_bytes() for name in ("out", "joined"))
    assert whole == joined
    assert main(["merge", *options, shards[0]]) == REFUSED


def test_explain_prints_what_a_reader_needs(folder, capsys):
    run_value(folder)
    assert main(["explain", "--result", str(folder / "out/result.json")]) == DONE
    text = capsys.readouterr().out
    for word in ("reference, not fitted", "Price", "base curve", "discount", "principal", "seed 1"):
        assert word in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loans": "missing.csv"}, "no such file"),
        ({"calibration": "missing.json"}, "no such file"),
        ({"terms": "missing.json"}, "no such file"),
        ({"currency": "USD"}, "USD"),
    ],
)
def test_refusals_name_the_file_and_the_rule(folder, capsys, changes, words):
    assert run_value(folder, **changes) == REFUSED
    assert words in capsys.readouterr().err
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x00\xff\xfe\x00PNG", "not"),
        (b"loan_id,balance\nA,1\n", "'product' is missing"),
        ("loan_id,余额\n".encode("gbk"), "not UTF-8"),
        (b'a,b\n"1,2\n3', "not a table"),
    ],
)
def test_a_broken_table_is_refused_without_a_trace(folder, capsys, content, words):
    (folder / "broken.csv").write_bytes(content)
    assert run_value(folder, loans=folder / "broken.csv") == REFUSED
    message = capsys.readouterr().err
    assert words in message
    assert "Traceback" not in message


def test_what_cannot_be_written_is_refused_by_name(folder, capsys):
    (folder / "out").write_text("a file, no folder")
    assert run_value(folder) == REFUSED
    assert f"{folder / 'out'}: File exists" in capsys.readouterr().err


def test_a_bad_cell_is_named_with_row_and_column(folder, capsys):
    table = random_frame(80)
    table.loc[4, "balance"] = -1.0
    table.to_csv(folder / "bad.csv", index=False)
    assert run_value(folder, loans=folder / "bad.csv") == REFUSED
    assert "row 5, column 'balance', value -1.0" in capsys.readouterr().err


def test_check_ends_with_its_verdict(capsys, monkeypatch):
    assert main(["check", "--loans", "300", "--paths", "1024"]) == DONE
    assert capsys.readouterr().out.count(": ok") == 2
    monkeypatch.setattr("pricing.check.SD_LIMIT", -1.0)
    assert main(["check", "--loans", "300", "--paths", "256"]) == BEYOND_LIMITS


def test_bench_prints_one_json_object():
    """A process of its own: the peak of memory is the process's."""
    size = ["--loans", "5000", "--paths", "512", "--months", "12", "--segments", "10"]
    done = subprocess.run(
        [sys.executable, "-m", "pricing", "bench", *size], capture_output=True, check=True
    )
    figures = json.loads(done.stdout)
    assert figures["q05"] < figures["q50"] < figures["q95"]
    assert figures["price_b"] == pytest.approx(figures["price"], rel=0.05)
    for name in ("seconds_a", "seconds_b", "peak_rss_mb", "speedup_a", "speedup_b"):
        assert figures[name] > 0


def test_scaling_measures_the_same_segments_at_growing_pools():
    found = scaling(Size(1, 256, 12, 10), pools=(1_000, 20_000))
    assert [row["loans"] for row in found["pools"]] == [1_000, 20_000]
    assert all(row["seconds"] > row["seconds_power_sums"] > 0 for row in found["pools"])
    first, last = (row["seconds"] for row in found["pools"])
    assert found["growth"] == pytest.approx(last / first, rel=0.05)


def test_growth_beyond_its_limit_ends_with_1(capsys, monkeypatch):
    for growth, outcome in ((1.3, DONE), (1.31, BEYOND_LIMITS)):
        found = {"growth": growth, "limit": 1.3}
        monkeypatch.setattr("pricing.__main__.scaling", lambda size, found=found: found)
        assert main(["bench", "--scaling"]) == outcome
        assert json.loads(capsys.readouterr().out) == found


@pytest.mark.parametrize("arguments", [["check", "--paths", "100"], ["bench", "--loans", "0"], []])
def test_wrong_arguments_end_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2
    assert "usage" in capsys.readouterr().err
