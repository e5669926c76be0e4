"""Whole files: every usual spelling is read, every unusual one is refused by name."""

import csv
import gzip
import io
import json
from functools import partial

import pytest
import xlsxwriter
from django.urls import reverse

from npa_market.common.errors import InvalidInput
from npa_market.tapes.mapping import mapping_named
from npa_market.tapes.models import Loan, Tape
from npa_market.tapes.reading import MAX_COLUMNS, Layout, open_source, open_tape
from npa_market.tapes.workbench import sample_of
from tests.tapes.conftest import ROW, csv_of, rows_of

STANDARD = mapping_named("npa_standard")
TEXT = csv_of(rows_of({}, {"城市": "广州市"}))


def records(content: bytes, mapping=STANDARD):
    with open_tape(io.BytesIO(content), mapping) as tape:
        return tape, list(tape.records)


def workbook(rows) -> bytes:
    return book_of({"Sheet1": rows})


def book_of(sheets) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("gbk"), "gb18030"),
        (TEXT.encode("gb18030"), "gb18030"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf_16_le"),
        (gzip.compress(TEXT.encode(), mtime=0), "utf-8"),
        (gzip.compress(TEXT.encode("gbk"), mtime=0), "gb18030"),
    ],
)
def test_every_usual_encoding_gives_the_same_cells(content, encoding):
    tape, rows = records(content)
    assert tape.encoding == encoding
    assert tape.header == list(ROW)
    assert [cells[0] for _, cells in rows] == ["L-1", "L-2"]
    assert [number for number, _ in rows] == [2, 3]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_usual_delimiter(delimiter):
    tape, rows = records(csv_of(rows_of({}), delimiter).encode())
    assert (tape.delimiter, len(rows[0][1])) == (delimiter, len(ROW))


def test_a_workbook_reads_like_its_csv():
    tape, rows = records(workbook([list(ROW), list(ROW.values())]))
    assert tape.kind == "workbook"
    assert rows == [(2, list(ROW.values()))]


def test_a_number_that_a_spreadsheet_rounded_keeps_its_exponent():
    row = {**ROW, "身份证号": 110101199003078380, "未偿本金": 10000.5}
    _, rows = records(workbook([list(row), list(row.values())]))
    cells = dict(zip(row, rows[0][1], strict=True))
    assert "e+17" in cells["身份证号"].lower()
    assert cells["未偿本金"] == "10000.5"


def test_header_spellings_case_width_and_order_do_not_matter():
    header = "LOAN NUMBER,Customer_number, principal ,Charged off on,姓　名"
    tape, rows = records((header + "\nL-1,C-1,5.00,2024-01-20,x\n").encode())
    assert {"贷款编号", "客户号", "未偿本金", "核销日期"} <= set(tape.positions)
    assert rows == [(2, ["L-1", "C-1", "5.00", "2024-01-20", "x"])]


def test_a_line_above_the_header_and_the_footer_are_no_loans(imported):
    columns = "id,member_id,funded_amnt,total_rec_prncp,loan_status,issue_d,last_pymnt_d"
    content = (
        "Notes offered by Prospectus (https://www.example.com/info/prospectus.action)\n"
        f"{columns},recoveries,collection_recovery_fee,int_rate\n"
        "1,,1000.0,400.0,Charged Off,Dec-2015,Feb-2017,0.0,0.0, 13.56%\n"
        "2,,1000.0,400.0,Current,Dec-2015,Feb-2017,0.0,0.0,13.56\n"
        "\nTotal amount funded in policy code 1: 2000\nTotal amount funded in policy code 2: 0\n"
    )
    tape = imported(content, mapping="lending_club", currency="USD")
    assert (tape.rows_read, tape.rows_imported, tape.rows_rejected) == (2, 1, 1)
    loan = Loan.objects.get()
    assert (loan.row_number, loan.principal_minor, loan.annual_rate_bp) == (3, 60_000, 1356)


def wide(columns: int) -> str:
    extra = [f"extra {index}" for index in range(columns - len(ROW))]
    return csv_of([{**ROW, **dict.fromkeys(extra, "x")}])


REFUSALS = {
    "0 bytes": (b"", "file_empty"),
    "blank": (b" \n\n ", "file_empty"),
    "only a mark": ("\ufeff".encode(), "file_empty"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "file_not_text"),
    "noise": (bytes((i * 7919 + i // 251) % 255 + 1 for i in range(60_000)), "encoding_unreadable"),
    "cut gzip": (gzip.compress(TEXT.encode() * 50)[:-20], "file_damaged"),
    "no gzip": (b"\x1f\x8bnothing", "file_damaged"),
    "archive": (b"PK\x03\x04" + bytes(100), "file_damaged"),
    "old or protected workbook": (b"\xd0\xcf\x11\xe0" + bytes(600), "workbook_unreadable"),
    "damaged workbook": (workbook([["a"]])[:-40], "file_damaged"),
    "another tape": (b"a,b,c\n1,2,3\n", "column_missing"),
    "no header": (TEXT.split("\r\n", 1)[1].encode(), "column_missing"),
    "a column missing": (TEXT.replace("未偿本金", "本金余额").encode(), "column_missing"),
    "a column twice": (TEXT.replace("未偿利息", "未偿本金").encode(), "column_twice"),
    "too wide": (wide(MAX_COLUMNS + 1).encode(), "columns_too_many"),
    "password": (TEXT.replace("城市", "登录密码").encode(), "column_forbidden"),
    "card code": (TEXT.replace("城市", "CVV2").encode(), "column_forbidden"),
    "biometrics": (TEXT.replace("城市", "人脸特征").encode(), "column_forbidden"),
    "identity photo": (TEXT.replace("城市", "身份证正面").encode(), "column_forbidden"),
    "no row": (TEXT.split("\r\n", 1)[0].encode(), "no_rows"),
    "bomb": (gzip.compress(b"0" * (80 << 20)), "file_too_large"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_file_that_is_no_tape_is_refused_by_name_and_leaves_nothing(case, imported, caplog):
    content, code = REFUSALS[case]
    with pytest.raises(InvalidInput) as refusal:
        imported(content)
    assert refusal.value.code == code
    assert refusal.value.field == "file"
    for secret in (ROW["姓名"], ROW["身份证号"], ROW["手机号"]):
        assert secret not in refusal.value.message + caplog.text
    assert not Loan.objects.exists()
    # Only what shows after the header leaves a tape behind, as failed.
    assert [tape.state for tape in Tape.objects.all()] == (["failed"] if code == "no_rows" else [])


def test_a_few_wrong_bytes_in_a_short_file_reject_their_rows_alone(imported):
    content = TEXT.encode().replace("广东".encode(), b"\xff", 1)
    tape = imported(csv_of(rows_of({}, {}, {})).encode() + content.split(b"\r\n", 1)[1])
    assert tape.layout["encoding"] == "utf-8"
    assert tape.rows_read == 5


def test_utf_16_without_its_mark_is_refused_in_words():
    with (
        pytest.raises(InvalidInput, match="utf_16_le") as refusal,
        open_source(io.BytesIO(TEXT.encode()), Layout(encoding="utf-16")),
    ):
        pass
    assert (refusal.value.code, refusal.value.field) == ("encoding_unreadable", "encoding")


@pytest.mark.parametrize(
    ("content", "layout", "words"),
    [
        (TEXT.encode(), Layout(header_row=9), "has 3 row.* row 9"),
        (book_of({"cover": [], "loans": [["a"]]}), Layout(), "“cover” holds no row.*: loans"),
    ],
)
def test_a_part_without_a_header_says_how_much_there_is_and_what_else(content, layout, words):
    for read in (sample_of, partial(_opened, mapping=STANDARD)):
        with pytest.raises(InvalidInput, match=words) as refusal:
            read(io.BytesIO(content), layout=layout)
        assert refusal.value.code == "file_empty"


def _opened(handle, mapping, layout):
    with open_tape(handle, mapping, layout):
        pass


@pytest.mark.parametrize(
    "content",
    [
        TEXT.replace("城市", "城\0市").replace("现金贷", "现\0金贷").encode(),
        json.dumps(
            [{**ROW, "城\0市": "\0", "a\ud800": "\ud800", "产品": "\0", "五级分类": "\ud800"}]
        ).encode(),
    ],
    ids=["csv", "json"],
)
def test_nul_and_half_characters_in_names_and_cells_are_shown_and_kept(
    content, imported, as_user, seller_user, start, send, finish
):
    upload = finish(send(start(content), 0, content), content)
    client = as_user(seller_user)
    assert client.get(upload.get_absolute_url()).status_code == 200
    sample = client.get(reverse("v1:upload-sample", args=[upload.pk]))
    assert "\ufffd" in str([each["column"] for each in sample.json()["proposals"]])
    tape = imported(content)
    assert tape.rows_read == tape.rows_rejected > 0
    assert client.get(tape.get_absolute_url()).status_code == 200
    assert client.get(reverse("tapes:rejects", args=[tape.pk])).status_code == 200
    assert "\ufffd" in str(tape.findings)
    assert "\0" not in str(tape.findings)


def test_two_hundred_columns_are_fine_and_the_unused_ones_are_named(imported):
    tape = imported(wide(200))
    unused = next(found for found in tape.findings if found["id"] == "columns_unused")
    assert (tape.rows_imported, unused["count"]) == (1, 200 - len(ROW))
    assert tape.layout["columns"] == 200


def test_of_two_spellings_of_one_column_the_one_left_aside_is_named(imported):
    tape = imported(TEXT.replace("城市", "Principal"))
    unused = next(found for found in tape.findings if found["id"] == "columns_unused")
    assert "Principal" in {example["column"] for example in unused["examples"]}
    assert tape.rows_imported == 2


def test_a_quote_that_is_never_closed_is_refused_with_its_row(imported):
    content = TEXT + '"L-9,' + "x" * (csv.field_size_limit() + 10)
    with pytest.raises(InvalidInput, match="Row 4") as refusal:
        imported(content)
    assert refusal.value.code == "cell_too_long"
    assert not Loan.objects.exists()


def test_a_record_cut_off_at_the_end_is_one_rejected_row(imported):
    tape = imported(TEXT + '"L-9","张')
    assert (tape.rows_read, tape.rows_imported, tape.rows_rejected) == (3, 2, 1)
    assert tape.findings[0]["id"] == "row_shape"
    assert tape.findings[0]["examples"][0]["row"] == 4


def test_bytes_that_do_not_decode_reject_their_row_alone(imported):
    content = TEXT.encode().replace("广州市".encode(), b"\xff\xfe\xff" + "州市".encode())
    # The sample is read as a whole: the fault must lie beyond it.
    padding = csv_of(rows_of(*({"贷款编号": f"P-{n}"} for n in range(1200)))).encode()
    tape = imported(padding + content.split(b"\r\n", 1)[1].replace(b"L-", b"M-"))
    assert (tape.rows_read, tape.rows_imported) == (1202, 1201)
    assert [found["id"] for found in tape.findings if found["severity"] == "reject"] == [
        "text_unreadable"
    ]
