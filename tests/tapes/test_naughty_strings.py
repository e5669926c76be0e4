"""Every string that is known to break software, in every text column: taken as it is, or named."""

import csv
import gzip
import io
import json
import zipfile
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from npa_market.common import workbooks
from npa_market.common.errors import Refused
from npa_market.common.exports import neutralised
from npa_market.common.files import read_stored
from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.mapping import mapping_named
from npa_market.tapes.models import Loan
from npa_market.tapes.queries import person_of
from npa_market.tapes.reading import open_source, open_tape
from npa_market.tapes.rejects import quoted, rejects_workbook, rejects_writer, unquoted
from tests.tapes.conftest import DATA, csv_of, rows_of
from tests.tapes.xlsb import xlsb

PATH = DATA.parent / "vectors" / "naughty-strings" / "blns.json"
OURS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "a\0b", "'", '"', "﷽", "\u202e", "x" * 300]
RISKY = ("=", "+", "-", "@", "\t", "\r")


def naughty() -> list[str]:
    if not PATH.exists():
        pytest.skip("the naughty strings are not beside the project")
    return [*json.loads(PATH.read_text(encoding="utf-8")), *OURS]


def stored(loan: Loan, column: str) -> str:
    """What the tables keep of a column."""
    if column == "姓名":
        return person_of(loan.borrower).name
    return str(
        getattr(loan, {"产品": "product", "城市": "city", "贷款编号": "loan_number"}[column])
    )


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("column", ["产品", "城市", "姓名", "贷款编号"])
def test_each_text_column_takes_each_string_or_names_its_row(
    column, kind, imported, as_user, seller_user
):
    texts = list(dict.fromkeys(text.strip() for text in in_a_cell(naughty(), kind)))
    # Each row is a borrower of its own, so that names do not fall together.
    changes = [{"身份证号": "", "客户号": f"C-{n}", column: text} for n, text in enumerate(texts)]
    rows = [{"客户号": "", **row} for row in rows_of(*changes)]
    for row, text in zip(rows, texts, strict=True):
        row[column] = text
    sheet = [list(rows[0]), *(list(row.values()) for row in rows)]
    tape = imported(csv_of(rows) if kind == "csv" else xlsx(sheet))
    assert tape.rows_read == len(texts) == tape.rows_imported + tape.rows_rejected
    loans = {loan.row_number: loan for loan in Loan.objects.select_related("borrower")}
    rejects = rejected_rows(tape)
    for number, text in enumerate(texts, start=2):
        if number in loans:
            # Words like NULL mean an empty cell: the mapping says so.
            is_empty = text in mapping_named("npa_standard").missing_words
            assert stored(loans[number], column) == ("" if is_empty else text)
        else:
            reasons, cells = rejects[number]
            assert reasons
            assert cells[column] == quoted(text)
            assert not cells[column].startswith(RISKY) or cells[column] == text  # a plain number
    if column == "产品":
        longest = FIELDS["product"].longest
        refused = {
            n for n, text in enumerate(texts, start=2) if len(text) > longest or "\0" in text
        }
        assert set(rejects) == refused, "other rows were rejected than those too long or with NUL"
        assert_answers_are_equal(as_user(seller_user), tape, loans)


def rejected_rows(tape) -> dict[int, tuple[str, dict[str, str]]]:
    """The rejects file by row number: reasons and cells."""
    if not tape.rejects_file_id:
        return {}
    text = read_stored(tape.rejects_file_id).decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return {int(row[0]): (row[1], dict(zip(header[2:], row[2:], strict=True))) for row in rows}


def assert_answers_are_equal(client, tape, loans) -> None:
    """The API gives each text back as it stands; the page writes no mark-up of it."""
    answer = client.get(reverse("v1:tape-loans", args=[tape.pk]) + "?page_size=500").json()
    for row in answer["results"]:
        assert row["product"] == loans[row["row_number"]].product
    page = client.get(reverse("tapes:loans", args=[tape.pk])).content.decode()
    assert "<script>alert" not in page


def parquet(texts: list[str]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table({"编号": texts, "文本": texts}), target)
    return target.getvalue()


def delimited(texts: list[str], encoding: str) -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows([["编号", "文本"], *([text, text] for text in texts)])
    return target.getvalue().encode(encoding)


def xlsx(rows: list[list[str]]) -> bytes:
    """A workbook of texts as our own exports write them."""
    target = io.BytesIO()
    workbooks.write_sheets(target, rows[0], rows[1:], title="Loans")
    return target.getvalue()


def in_a_cell(texts: list[str], kind: str) -> list[str]:
    """Texts that come back from this kind of file. XML has no U+FFFE, which is no character; the
    reader of XLSB takes a mark of byte order at the beginning of a cell for one."""
    if kind == "xlsb":
        return [text for text in texts if not text.startswith(("\ufeff", "\ufffe"))]
    return [text for text in texts if kind != "xlsx" or "\ufffe" not in text]


def as_rows(texts: list[str]) -> list[list[str]]:
    return [["编号", "文本"], *([text, text] for text in texts)]


WRITERS = {
    "xlsx": lambda texts: xlsx(as_rows(texts)),
    "xlsb": lambda texts: xlsb(as_rows(texts)),
    "csv": lambda texts: delimited(texts, "utf-8"),
    "csv gb18030": lambda texts: delimited(texts, "gb18030"),
    "csv utf-16 in gzip": lambda texts: gzip.compress(delimited(texts, "utf-16")),
    "json": lambda texts: json.dumps([{"编号": text, "文本": text} for text in texts]).encode(),
    "parquet": parquet,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_each_kind_of_file_gives_each_string_back_byte_for_byte(kind):
    texts = in_a_cell(naughty(), kind)
    with open_source(io.BytesIO(WRITERS[kind](texts))) as source:
        by_records = [cells for _, cells in source.rows.records(after=1)]
        by_batches = [cells for batch in source.rows.batches(1, 2) for _, cells in batch.records()]
    assert by_records == by_batches == [[text, text] for text in texts]


@pytest.mark.parametrize("text", OURS[:6])
def test_a_formula_never_leaves_as_one(text):
    assert neutralised(text) in (f"'{text}", "-1")


OWN = ["'=1", "''+x", "'", "'a", "-5", "'-5", "a\n'=1", "=1\n'=2", "'\r", ""]


def rejects_of(texts: list[str]) -> io.BytesIO:
    with rejects_writer(["=文本", "贷款编号"]) as writer:
        for number, text in enumerate(texts, start=2):
            writer.write(number, ["a: b"], [text, text])
        return io.BytesIO(b"".join(writer.chunks()))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_rejects_file_comes_back_byte_for_byte(form):
    # No XML holds U+FFFE, which is no character: in a workbook it stands as _xFFFE_.
    texts = [text for text in [*naughty(), *OWN] if form == "csv" or "\ufffe" not in text]
    content = rejects_of(texts)
    if form == "xlsx":
        content = rejects_workbook(content)
    with open_source(content) as source:
        shown = source.first_rows(len(texts) + 1)
    assert shown[0][2:] == ["=文本", "贷款编号"]
    assert [row[2:] for row in shown[1:]] == [[text, text] for text in texts]
    content.seek(0)
    mapping = replace(
        mapping_named("npa_standard"), aliases={"=文本": "=文本"}, needed=frozenset({"=文本"})
    )
    with open_tape(content, mapping) as tape:
        columns = [batch.columns["=文本"].to_pylist() for batch in tape.batches]
        assert tape.header[2] == "=文本"
    assert [text for column in columns for text in column] == texts


def test_a_file_of_the_sellers_own_keeps_its_apostrophes():
    with open_source(io.BytesIO("编号,文本\r\nA,'=1\r\n".encode())) as source:
        assert source.first_rows(2)[1] == ["A", "'=1"]


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r1a\n"), max_size=6))
def test_quoting_is_undone_and_leaves_no_formula(text):
    assert unquoted(quoted(text)) == text
    assert not quoted(text).startswith(RISKY) or float(text) <= 0


def test_a_workbook_takes_a_further_sheet_and_refuses_what_no_cell_holds(monkeypatch):
    monkeypatch.setattr(workbooks, "ROWS_OF_A_SHEET", 3)
    with zipfile.ZipFile(rejects_workbook(rejects_of(["a", "b", "c"]))) as book:
        assert sum("worksheets/sheet" in name for name in book.namelist()) == 2
    longest = "x" * workbooks.LONGEST_CELL
    rejects_workbook(rejects_of([longest])).close()
    with pytest.raises(Refused) as refused:
        rejects_workbook(rejects_of([longest + "x"]))
    assert refused.value.code == "cell_too_long"
