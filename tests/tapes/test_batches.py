"""Batches of columns and records one by one are two ways to the same cells and row numbers."""

import csv
import gzip
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.common.errors import InvalidInput
from npa_market.tapes import delimited
from npa_market.tapes.batches import MAX_CELL_CHARS, fitted
from npa_market.tapes.mapping import mapping_named
from npa_market.tapes.reading import open_tape
from tests.tapes.conftest import ROW, csv_of, rows_of
from tests.tapes.test_reading import workbook

STANDARD = mapping_named("npa_standard")
HEADER = ["贷款编号", "客户号", "未偿本金", "核销日期"]


def zipped(content: bytes, name: str = "tape.csv") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


def by_records(content: bytes) -> dict[int, list[str]]:
    with open_tape(io.BytesIO(content), STANDARD) as tape:
        rows = {number: cells for number, cells in tape.records if not STANDARD.is_footer(cells)}
        width = len(tape.header)
    return {number: fitted(cells, width) or cells for number, cells in rows.items()}


def by_batches(content: bytes) -> dict[int, list[str]]:
    rows: dict[int, list[str]] = {}
    with open_tape(io.BytesIO(content), STANDARD) as tape:
        for batch in tape.batches:
            assert all(len(column) == batch.rows for column in batch.cells)
            assert list(batch.row_numbers) == sorted(batch.row_numbers)
            for source, position in tape.positions.items():
                assert batch.columns[source] is batch.cells[position]
            read = [*batch.records(), *batch.ragged]
            assert not rows.keys() & dict(read).keys()
            rows |= dict(read)
    return rows


def text_of(rows: list[list[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([HEADER, *rows])
    return text.getvalue()


ROWS = [[f"L-{n}", "C, 1", "5.00", 'a "quoted"\r\nword\t|;'] for n in range(40)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress, zipped])
def test_every_encoding_delimiter_and_packing_gives_the_same_cells(encoding, delimiter, packed):
    content = packed(text_of(ROWS, delimiter).encode(encoding))
    expected = dict(enumerate(ROWS, start=2))
    assert by_records(content) == expected
    assert by_batches(content) == expected


def test_a_workbook_gives_the_same_cells_both_ways():
    content = workbook([HEADER, *ROWS, ["", "", "", ""]])
    assert by_batches(content) == by_records(content) == dict(enumerate(ROWS, start=2))


CELL = st.one_of(
    st.sampled_from(["", " ", '"', "'", ",", ";", "\n", "\r\n", "\r", "=1", "张", "\0", "\ufeff"]),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=6),
)
RAGGED = st.lists(CELL, max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(RAGGED, max_size=12), st.sampled_from(["\r\n", "\n", "\r"]), st.booleans())
def test_odd_records_and_blank_lines_keep_their_row_numbers(rows, newline, is_closed):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=newline).writerows([HEADER, *ROWS, *rows])
    content = text.getvalue() if is_closed else text.getvalue().rstrip("\r\n") + '\n"open,quote'
    read = by_records(content.encode())
    assert by_batches(content.encode()) == read


def test_rows_beyond_one_block_are_numbered_on(monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 512)
    monkeypatch.setattr(delimited, "BATCH_ROWS", 7)
    rows = [
        ["short"] if n % 11 == 0 else [f"L-{n}", "C", "5.00", "x", "", ""][: 6 if n % 7 == 0 else 4]
        for n in range(300)
    ]
    content = text_of(rows).encode()
    assert by_batches(content) == by_records(content)
    assert len(by_batches(content)) == 300


def test_a_record_longer_than_a_block_is_read_on_by_the_slower_way(monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 512)
    rows = [["a", "b", "c", "d"]] * 30 + [["L", "x" * 5_000, "5", "y"]] + [["e", "f", "g", "h"]] * 9
    content = text_of(rows).encode()
    assert by_batches(content) == dict(enumerate(rows, start=2))


@pytest.mark.parametrize(("length", "is_fine"), [(MAX_CELL_CHARS, True), (10 << 20, False)])
def test_a_cell_has_a_longest_length_on_both_paths(length, is_fine):
    content = text_of([ROWS[0], ["L", "张" * length, "5", "y"]]).encode()
    for read in (by_batches, by_records):
        if is_fine:
            assert len(read(content)) == 2
        else:
            with pytest.raises(InvalidInput, match="Row 3") as refusal:
                read(content)
            assert refusal.value.code == "cell_too_long"


def test_footers_and_blank_lines_are_no_rows_of_a_batch():
    mapping = mapping_named("lending_club")
    columns = "id,member_id,funded_amnt,total_rec_prncp,loan_status,issue_d,last_pymnt_d,recoveries"
    content = (
        f"{columns},collection_recovery_fee\n"
        "1,,1,0,Charged Off,Dec-2015,,0,0\n\n,,,,,,,,\n"
        "Total amount funded in policy code 1: 2000\n"
        "Total amount funded in policy code 2: 0,,,,,,,,\n"
    )
    with open_tape(io.BytesIO(content.encode()), mapping) as tape:
        batches = list(tape.batches)
    assert [batch.row_numbers.tolist() for batch in batches if batch.rows] == [[2]]
    assert not any(batch.ragged for batch in batches)


def test_bytes_that_do_not_decode_become_a_mark_on_both_paths():
    rows = csv_of(rows_of(*({} for _ in range(1_500)))).encode()
    content = rows + b"\xff\xfe" + b"," * (len(ROW) - 1) + b"\n"
    assert by_batches(content) == by_records(content)
    assert by_batches(content)[1_502][0] == "\ufffd\ufffd"
