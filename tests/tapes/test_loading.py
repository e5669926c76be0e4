"""Columns into tables: every text arrives as it is, on both engines; keys are in order."""

import uuid
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.common.keys import key_bytes, key_texts, new_keys
from npa_market.common.models import StoredFile
from npa_market.tapes.loading import copy_blocks, insert_columns
from npa_market.tapes.models import Receipt
from tests import builders

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def copied(block: bytes) -> list[list[str | None]]:
    """Read COPY's text format back, as the documentation of PostgreSQL defines it."""
    escapes = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}

    def value(cell: str) -> str | None:
        if cell == "\\N":
            return None
        plain, at = "", 0
        while at < len(cell):
            step = 2 if cell[at] == "\\" else 1
            plain += escapes[cell[at + 1]] if step == 2 else cell[at]
            at += step
        return plain

    return [[value(cell) for cell in line.split("\t")] for line in block.decode().split("\n")[:-1]]


@given(st.lists(st.tuples(TEXT, st.none() | TEXT), min_size=1, max_size=5))
def test_copy_keeps_every_text_and_every_gap(rows):
    first, second = zip(*rows, strict=True)
    columns = {"a": pa.array(first, pa.string()), "b": pa.array(second, pa.string())}
    assert copied(b"".join(copy_blocks(columns))) == [list(row) for row in rows]


@pytest.mark.django_db
def test_columns_arrive_in_the_table(seller, seller_user):
    loan = builders.one_loan(builders.make_tape(seller, seller_user))
    insert_columns(
        Receipt,
        {
            "loan": pa.array([loan.pk.hex] * 2),
            "month": pa.array([date(2024, 3, 1), None], pa.date32()),
            "gross_minor": pa.array([-5, 7]),
            "cost_minor": pa.array([0, 2]),
        },
    )
    rows = Receipt.objects.order_by("gross_minor").values_list("loan", "month", "gross_minor")
    assert list(rows) == [(loan.pk, date(2024, 3, 1), -5), (loan.pk, None, 7)]


@pytest.mark.django_db
def test_naughty_texts_arrive_as_they_are():
    texts = ["tab\tnew\nline\r", "back\\slash \\N", "\\.", "", "张伟", "' OR 1=1; --"]
    insert_columns(
        StoredFile,
        {
            "sha256": pa.array(texts),
            "size": pa.array(range(len(texts))),
            "created_at": pa.array(["2026-01-05 00:00:00+00:00"] * len(texts)),
        },
    )
    assert list(StoredFile.objects.order_by("size").values_list("sha256", flat=True)) == texts


def test_keys_are_version_7_rise_and_never_repeat():
    batches = [new_keys(1), new_keys(0), new_keys(20_000), new_keys(3)]
    texts = [text for keys in batches for text in key_texts(keys).to_pylist()]
    assert texts == sorted(set(texts))
    keys = [uuid.UUID(text) for text in texts]
    assert {(key.version, key.variant) for key in keys} == {(7, uuid.RFC_4122)}
    assert key_texts(key_bytes(keys)).to_pylist() == texts


def test_too_many_keys_at_once_are_refused():
    with pytest.raises(ValueError, match="at once"):
        new_keys((1 << 26) + 1)
