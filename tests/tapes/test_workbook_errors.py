"""A formula that gives an error is told, never an amount that was not given."""

import io

import pytest
import xlsxwriter

from npa_market.tapes.reading import open_source
from npa_market.tapes.sniffing import Layout
from tests.tapes.conftest import rows_of

pytestmark = pytest.mark.django_db


def book(rows, *, at=(0, 0), sheet="Loans", before=()) -> bytes:
    """`=text` in a cell is a formula with this error as its result."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as made:
        for name in before:
            made.add_worksheet(name).write_row(0, 0, ["not", "this", "one"])
        page = made.add_worksheet(sheet)
        for down, row in enumerate(rows):
            for across, value in enumerate(row):
                place = (at[0] + down, at[1] + across)
                if value.startswith("="):
                    page.write_formula(*place, "=1/0", None, value[1:])
                else:
                    page.write_string(*place, value)
    return target.getvalue()


def first_rows(content: bytes, sheet: str = "") -> list[list[str]]:
    with open_source(io.BytesIO(content), Layout(sheet=sheet)) as source:
        return [list(cells) for cells in source.first_rows(10)]


def test_another_sheets_errors_are_its_own():
    content = book([["a"], ["=#N/A"]], sheet="B & C", before=("A",))
    assert first_rows(content, "B & C")[-1:] == [["#N/A"]]
    assert first_rows(content, "A") == [["not", "this", "one"]]


def test_an_amount_that_a_formula_lost_rejects_its_row(imported, monkeypatch, tmp_path):
    """Read where the process was started in another folder as well."""
    monkeypatch.chdir(tmp_path)
    first, second = rows_of({"未偿利息": "=#REF!"}, {})
    rows = [list(first), list(first.values()), list(second.values())]
    tape = imported(book(rows), file_name="tape.xlsx")
    assert (tape.rows_imported, tape.rows_rejected) == (1, 1)
    found = [each["id"] for each in tape.findings if each["severity"] == "reject"]
    assert found == ["amount_unreadable", "parts_not_whole"]


@pytest.mark.parametrize("at", [(0, 0), (2, 3)])
def test_error_cells_keep_their_text_and_their_place(at):
    rows = [["a", "b"], ["1", "=#REF!"], ["=#DIV/0!", "2"], ["3", "4"]]
    found = first_rows(book(rows, at=at))
    assert found[-4:] == [["a", "b"], ["1", "#REF!"], ["#DIV/0!", "2"], ["3", "4"]]
