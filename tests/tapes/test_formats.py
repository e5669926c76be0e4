"""Every kind of file gives the same tape; bombs, locks and damage are refused by name."""

import gzip
import io
import json
import zipfile
from datetime import date
from decimal import Decimal

import odf.opendocument
import odf.table
import odf.text
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.common.errors import InvalidInput
from npa_market.tapes import reading, unpacking, workbook
from npa_market.tapes.mapping import mapping_named
from npa_market.tapes.reading import Layout, open_source, open_tape
from tests.tapes.conftest import DATA, ROW, csv_of, rows_of
from tests.tapes.test_batches import zipped
from tests.tapes.test_reading import workbook as xlsx
from tests.tapes.xlsb import xlsb

STANDARD = mapping_named("npa_standard")
HEADER, CELLS = list(ROW), list(ROW.values())


def read(content: bytes, layout: Layout = reading.SNIFFED):
    """All rows of a file, both ways, which must agree."""
    with open_tape(io.BytesIO(content), STANDARD, layout) as tape:
        records = [list(cells) for _, cells in tape.records if not STANDARD.is_footer(cells)]
    with open_tape(io.BytesIO(content), STANDARD, layout) as tape:
        batches = [cells for batch in tape.batches for _, cells in batch.records()]
    assert batches == records
    return tape, records


def refused(content: bytes, layout: Layout = reading.SNIFFED) -> InvalidInput:
    with pytest.raises(InvalidInput) as refusal:
        read(content, layout)
    return refusal.value


def xls() -> bytes:
    book, target = xlwt.Workbook(encoding="utf-8"), io.BytesIO()
    sheet = book.add_sheet("贷款")
    for at, row in enumerate([HEADER, CELLS]):
        for column, text in enumerate(row):
            sheet.write(at, column, text)
    book.save(target)
    return target.getvalue()


def ods() -> bytes:
    book, target = odf.opendocument.OpenDocumentSpreadsheet(), io.BytesIO()
    table = odf.table.Table(name="Loans")
    for row in (HEADER, CELLS):
        line = odf.table.TableRow()
        for text in row:
            cell = odf.table.TableCell(valuetype="string")
            cell.addElement(odf.text.P(text=text))
            line.addElement(cell)
        table.addElement(line)
    book.spreadsheet.addElement(table)
    book.save(target)
    return target.getvalue()


def parquet(table: pa.Table) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


def fixture(model: str, row: dict[str, str]) -> dict:
    return {"model": model, "pk": 1, "fields": row}


KINDS = {
    "xlsx": xlsx([HEADER, CELLS]),
    "xls": xls(),
    "ods": ods(),
    "xlsb": xlsb([HEADER, CELLS]),
    "xlsb in zip": zipped(xlsb([HEADER, CELLS]), "tape.xlsb"),
    "xlsx in zip": zipped(xlsx([HEADER, CELLS]), "tape.xlsx"),
    "xlsx in gzip": gzip.compress(xlsx([HEADER, CELLS])),
    "parquet": parquet(pa.table({name: [text] for name, text in ROW.items()})),
    "json": json.dumps([ROW]).encode(),
    "json lines": (json.dumps(ROW, ensure_ascii=False) + "\n").encode("utf-16"),
    "fixture": json.dumps([fixture("npl.loan", ROW), fixture("npl.party", {"x": "1"})]).encode(),
    "tsv": csv_of([ROW], "\t").encode("gb18030"),
    "preamble": ("Tape of 2025\r\nprepared for sale\r\n\r\n" + csv_of([ROW])).encode(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_row(kind):
    _, rows = read(KINDS[kind])
    wanted = dict(ROW)
    width = len(rows[0]) - len(wanted)  # A fixture has its key as a column of its own.
    assert rows[0][width:] == list(wanted.values())


def test_a_binary_workbook_is_imported_from_its_first_visible_sheet(imported):
    rows = rows_of({}, {"身份证号": ""}, {})
    # Numbers as a spreadsheet keeps them; the last ID number has lost its digits.
    cells = [list(row.values()) for row in rows]
    for line in cells:
        line[HEADER.index("未偿本金")] = 10000.0
        line[HEADER.index("期数")] = 12
    cells[1][HEADER.index("身份证号")] = None
    cells[2][HEADER.index("身份证号")] = 1.10101e17
    tape = imported(xlsb([["not for sale"]], [HEADER, *cells], hidden=[0]), file_name="tape.xlsb")
    assert (tape.rows_read, tape.rows_imported) == (3, 1)
    assert {found["id"] for found in tape.findings if found["severity"] == "reject"} == {
        "borrower_missing",
        "id_number_exponent",
    }
    loan = tape.loans.get()
    assert (loan.loan_number, loan.principal_minor, loan.term_months) == ("L-1", 1_000_000, 12)
    assert tape.layout["sheet"] == "Sheet 2"


def test_a_chosen_sheet_of_a_binary_workbook_is_read_and_damage_is_named():
    whole = xlsb([["other"]], [HEADER, CELLS])
    _, rows = read(whole, Layout(sheet="Sheet 2"))
    assert rows == [CELLS]
    assert refused(whole, Layout(sheet="Sheet 3")).code == "sheet_unknown"
    broken = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(broken, "w") as damaged:
        for name in archive.namelist():
            content = archive.read(name)
            cut = name == "xl/worksheets/sheet1.bin"
            damaged.writestr(name, content[: len(content) // 3] if cut else content)
    assert refused(broken.getvalue()).code == "workbook_unreadable"
    assert refused(whole[: len(whole) // 2]).code == "file_damaged"


def test_parquet_with_lists_beside_the_texts_is_read():
    plain = {name: [text] for name, text in ROW.items()}
    months = [[{"month": "2025-03", "gross": 1}]]
    _, rows = read(parquet(pa.table({**plain, "receipts": months})))
    assert [row[: len(plain)] for row in rows] == [list(ROW.values())]


def test_parquet_values_are_the_texts_of_a_csv():
    table = pa.table(
        {
            "贷款编号": pa.array([7], pa.int64()),
            "未偿本金": pa.array([Decimal("1000.50")], pa.decimal128(10, 2)),
            "核销日期": pa.array([date(2024, 1, 20)], pa.date32()),
            "未偿利息": pa.array([0.5]),
            "城市": pa.array([None], pa.string()),
            "产品": pa.array(["现金贷"]).dictionary_encode(),
            "姓名": pa.array(["张伟".encode()]),
        }
    )
    _, rows = read(parquet(table))
    assert rows == [["7", "1000.50", "2024-01-20", "0.5", "", "现金贷", "张伟"]]


def test_json_numbers_stay_as_they_are_written():
    content = b'[{"loan_id": 12345678901234567890, "principal": 1000.10, "charged off on": null}]'
    _, rows = read(content)
    assert rows == [["12345678901234567890", "1000.10", ""]]


JSON_TEXT = st.dictionaries(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=5),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=8),
    min_size=1,
    max_size=4,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(JSON_TEXT, min_size=1, max_size=6), st.booleans(), st.sampled_from([1, 7, 1 << 20]))
def test_objects_read_back_from_lists_and_lines_in_any_chunk(rows, is_list, chunk):
    text = json.dumps(rows) if is_list else "\n".join(map(json.dumps, rows))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("npa_market.tapes.json_rows._READ_CHARS", chunk)
        with open_source(io.BytesIO(text.encode())) as source:
            header, *found = (cells for _, cells in source.rows.records())
    wanted = [[row.get(key, "") for key in header] for row in rows]
    assert found == wanted
    assert header == list(dict.fromkeys(key for row in rows for key in row))


def test_the_loan_table_of_the_open_npl_fixture_is_found_and_mapped(imported):
    path = DATA / "openrisk_npl" / "synthetic_data_1.json.gz"
    if not path.exists():
        pytest.skip("the fixture is not beside the project")
    tape = imported(
        path.read_bytes(), mapping="eba_npl", currency="EUR", cut_off_date=date(2019, 12, 25)
    )
    assert (tape.rows_read, tape.layout["member"]) == (200, "npl_portfolio.loan")
    filled = {line["field"]: line["filled"] for line in tape.completeness}
    assert filled["loan_number"] == filled["borrower_key"] == filled["principal_minor"] == 200
    # Its dates are drawn at random, so most rows are out of order: named, not repaired.
    assert {found["id"] for found in tape.findings} >= {"dates_out_of_order"}


def test_a_zip_with_several_tapes_asks_which_and_takes_the_answer():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.csv", csv_of([ROW]))
        archive.writestr("b/b.csv", csv_of(rows_of({}, {})))
        archive.writestr("__MACOSX/._a.csv", "x")
    refusal = refused(target.getvalue())
    assert (refusal.code, refusal.field) == ("member_ambiguous", "member")
    assert "b/b.csv" in refusal.message
    assert len(read(target.getvalue(), Layout(member="b/b.csv"))[1]) == 2
    assert refused(target.getvalue(), Layout(member="c.csv")).code == "member_unknown"


def test_what_was_sniffed_can_be_overruled():
    text = "a|b\r\n" + csv_of([ROW]).replace("深圳市", "深|圳")
    layout = Layout(encoding="gb18030", delimiter=",", header_row=2)
    tape, rows = read(text.encode("gb18030"), layout)
    assert (tape.encoding, tape.delimiter, tape.header_row, len(rows)) == ("gb18030", ",", 2, 1)
    assert refused(text.encode("gb18030"), Layout(header_row=1)).code == "column_missing"


def test_a_sheet_can_be_chosen_and_a_hidden_one_is_not_the_first():
    import xlsxwriter

    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        hidden, notes, loans = (book.add_worksheet(name) for name in ("old", "notes", "loans"))
        notes.activate()
        notes.set_first_sheet()
        hidden.hide()
        notes.write(0, 0, "see loans")
        loans.write_row(0, 0, HEADER)
        loans.write_row(1, 0, CELLS)
    with open_source(io.BytesIO(target.getvalue())) as source:
        assert (source.sheet, source.sheets) == ("notes", ("notes", "loans"))
    assert read(target.getvalue(), Layout(sheet="loans"))[1] == [CELLS]
    assert refused(target.getvalue(), Layout(sheet="none")).code == "sheet_unknown"


def protected_zip() -> bytes:
    # The password flag of the only member, in its own head and in the directory.
    content = bytearray(zipped(csv_of([ROW]).encode()))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def sheet_of(dimension: str, cells: str, doctype: str = "") -> bytes:
    """A workbook with a sheet written by hand."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx([["a"]]))) as model, zipfile.ZipFile(target, "w") as book:
        for name in model.namelist():
            part = model.read(name)
            if name.endswith("sheet1.xml"):
                part = (
                    f'<?xml version="1.0"?>{doctype}<worksheet '
                    'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                    f'<dimension ref="{dimension}"/><sheetData>{cells}</sheetData></worksheet>'
                ).encode()
            book.writestr(name, part)
    return target.getvalue()


def row_of(number: int, cell: str, text: str) -> str:
    return f'<row r="{number}"><c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c></row>'


LAUGHS = (
    "<!DOCTYPE x ["
    + '<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (protected_zip(), "archive_protected"),
        (zipped(zipped(b"a,b\n1,2")), "archive_nested"),
        (gzip.compress(gzip.compress(b"a,b\n1,2")), "archive_nested"),
        (zipped(b"0" * (80 << 20)), "file_too_large"),
        (zipped(b"a" * 5000)[:-30], "file_damaged"),
        (parquet(pa.table({"a": ["b"]}))[:-9], "file_damaged"),
        (b'[{"loan_id": "1"}, {"loan_id":', "json_damaged"),
        (b'[{"loan_id": "1"}, 7]', "json_damaged"),
        (b'{"loan_id": "1"}\n{"loan_id"', "json_damaged"),
        (b'[{"a": ' + b"[" * 100_000, "json_damaged"),
        (json.dumps([fixture("a.b", {}), fixture("c.d", {})]).encode(), "member_ambiguous"),
        (sheet_of("A1:XFD1048576", row_of(1, "A1", "x") + row_of(1048576, "XFD1048576", "y")),
         "file_too_large"),
    ],
    # Packed bytes carry their time, and processes of one run must name a test alike.
    ids=[
        "protected", "nested zip", "nested gzip", "bomb", "cut zip", "cut parquet", "cut json",
        "json of numbers", "cut json lines", "deep json", "two tables", "largest sheet",
    ],
)  # fmt: skip
def test_bombs_locks_and_damage_are_refused_by_name(content, code):
    assert refused(content).code == code


def test_entities_of_a_workbook_are_never_multiplied():
    content = sheet_of("A1", row_of(1, "A1", "&j;"), LAUGHS)
    assert refused(content).code in {"workbook_unreadable", "column_missing"}


def test_a_workbook_has_a_size_and_a_number_of_parts(settings):
    settings.MAX_WORKBOOK_BYTES = 1_000
    assert refused(KINDS["xlsx"]).code == "file_too_large"


NARROW = [["贷款编号", "客户号", "未偿本金", "核销日期"], *([["L", "C", "5", "x"]] * 11_000)]


def test_a_long_sheet_is_read_on_from_where_its_head_was_kept():
    assert len(read(xlsx(NARROW))[1]) == 11_000


def test_a_reader_that_dies_midway_never_looks_like_the_end_of_the_sheet(monkeypatch):
    whole = workbook._Reading.batches

    def dies_after_two(reading):
        yield next(reading._stream)
        yield next(reading._stream)
        reading._process.kill()
        yield from whole(reading)

    with open_source(io.BytesIO(xlsx(NARROW))) as source:
        batches = source.rows.batches(1, 4)
        next(batches)
        monkeypatch.setattr(workbook._Reading, "batches", dies_after_two)
        with pytest.raises(InvalidInput) as refusal:
            list(batches)
    assert refusal.value.code == "file_too_large"


def test_an_archive_has_a_number_of_members(monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 3)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in "abcd":
            archive.writestr(name, "x")
    assert refused(target.getvalue()).code == "file_too_large"


@pytest.mark.parametrize("rate", ["97", "101"])
def test_the_ratio_of_unpacking_has_two_sides(rate, monkeypatch):
    monkeypatch.setattr(unpacking, "RATIO_FREE_BYTES", 1_000)
    text = csv_of(rows_of({"城市": "x" * 100_000})).encode()
    packed = gzip.compress(text)
    monkeypatch.setattr(unpacking, "MAX_RATIO", len(text) // len(packed) * int(rate) // 99)
    if rate == "97":
        assert refused(packed).code == "file_too_large"
    else:
        assert len(read(packed)[1]) == 1


def test_sixteen_thousand_columns_are_refused():
    content = (",".join(f"c{n}" for n in range(16_384)) + "\n").encode()
    assert refused(content).code == "columns_too_many"
