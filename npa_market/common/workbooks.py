"""Tables as Excel workbooks: row by row, on as many sheets as they need, no cell a formula."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

ROWS_OF_A_SHEET = 1_048_576  # Excel's own limit, the header included
LONGEST_CELL = 32_767
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


def write_sheets(
    target: Path | IO[bytes],
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str,
    reference: str = "",
    notice: str = "",
) -> None:
    """Write rows to sheets `<title> 1`, `<title> 2`, …, each with the header; texts stay texts.

    notice: words on a sheet of their own in front and at the foot of each page. The memory needed
    is that of one row.
    """
    import xlsxwriter

    # Zip64: a million wide rows pass 4 GB unpacked.
    with xlsxwriter.Workbook(target, {**OPTIONS, "use_zip64": True}) as book:
        book.set_properties({"title": reference or title, "comments": notice})
        if notice:
            book.add_worksheet("Notice").write_string(0, 0, notice)
        head, sheet, line, sheets = book.add_format({"bold": True}), None, ROWS_OF_A_SHEET, 0
        for row in rows:
            if line >= ROWS_OF_A_SHEET:
                sheets += 1
                sheet = _sheet(book, f"{title} {sheets}", header, head, notice)
                line = 1
            assert sheet, "made with the first row"
            for place, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(line, place, value)
                elif value is not None:
                    sheet.write(line, place, value)
            line += 1
        if sheet is None:
            _sheet(book, f"{title} 1", header, head, notice)


def sheets_file(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str, reference: str = ""
) -> IO[bytes]:
    """The same as a temporary file at its beginning, which the caller closes."""
    with ExitStack() as stack:
        target = stack.enter_context(TemporaryFile())
        write_sheets(target, header, rows, title=title, reference=reference)
        target.seek(0)
        stack.pop_all()
        return target


def _sheet(book: Any, name: str, header: Sequence[str], head: Any, notice: str) -> Any:
    sheet = book.add_worksheet(name)
    if notice:
        sheet.set_footer("&L" + notice.replace("&", "&&")[:200])
    sheet.freeze_panes(1, 0)
    for place, cell in enumerate(header):
        sheet.write_string(0, place, cell, head)
    return sheet
