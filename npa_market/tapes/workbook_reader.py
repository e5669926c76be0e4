"""Reads one sheet of a workbook in a process of its own and writes it as an Arrow stream.

    python -m npa_market.tapes.workbook_reader PATH SHEET

With `--forbidden` after the sheet it writes the forbidden columns of all sheets instead, hidden
ones included, each as a line of sheet, tab, column.

A workbook of a few bytes can claim a sheet of 17 billion cells, and the reader's allocation would
end the process that asked. Here a limit of memory ends this process alone; the parent names it.
Writes to standard output; ends with a word of FAULTS on standard error where it cannot.
"""

import resource
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

MEMORY_BYTES = 4 << 30
CPU_SECONDS = 300
ROWS_PER_BATCH = 5_000
FAULTS = ("protected", "unreadable", "sheet", "errors")


def cell_text(value: Any) -> str:
    """A cell as the text it would have in a CSV: ISO dates, plain numbers.

    A number of 1e15 and more has lost digits in the spreadsheet and keeps its exponent, so that
    the rule for ID numbers sees it.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value / timedelta(days=1))
    return str(value)


def main(path: str, wanted: str) -> str:
    """Write the sheet; the fault, or ""."""
    import pyarrow as pa
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    from npa_market.tapes.workbook_errors import NoPlace, error_cells

    try:
        book = CalamineWorkbook.from_path(path)
        visible = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible
        ]
        names = visible or book.sheet_names
        if wanted and wanted not in names:
            return "sheet"
        name = wanted or names[0]
        sheet = book.get_sheet_by_name(name)
        width = sheet.width if sheet.start else 0
        metadata = {"sheet": name, "sheets": "\n".join(names)}
        schema = pa.schema([(str(at), pa.string()) for at in range(width)], metadata)
        errors = error_cells(path, name)
        first = sheet.start[1] if sheet.start else 0
        with pa.ipc.new_stream(sys.stdout.buffer, schema) as stream:
            for columns in _columns(sheet.iter_rows(), errors, first):
                stream.write_batch(pa.record_batch(columns, schema=schema))
    except PasswordError:
        return "protected"
    except NoPlace:
        return "errors"
    except (CalamineError, IndexError, OSError):
        return "unreadable"
    return ""


def forbidden_lines(path: str) -> str:
    """Write the forbidden columns of all sheets, read one after the other; the fault, or ""."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    from npa_market.tapes.forbidden import forbidden_columns
    from npa_market.tapes.sniffing import HEADER_WITHIN_ROWS, likely_header

    try:
        book = CalamineWorkbook.from_path(path)
    except PasswordError:
        return "protected"
    except (CalamineError, OSError):
        return "unreadable"
    for name in book.sheet_names:
        try:
            head = list(islice(book.get_sheet_by_name(name).iter_rows(), HEADER_WITHIN_ROWS))
        except (CalamineError, IndexError):
            continue  # A chart, or a broken sheet: it cannot be read as a tape either.
        rows = [[cell_text(value) for value in row] for row in head]
        for column in forbidden_columns(rows[likely_header(rows)] if rows else ()):
            line = "\t".join(" ".join(text.split()) for text in (name, column))
            sys.stdout.buffer.write(f"{line}\n".encode(errors="replace"))
    return ""


def _columns(
    rows: Iterator[Sequence[Any]], errors: Mapping[tuple[int, int], str], first: int
) -> Iterator[list[list[str]]]:
    """Columns of texts; the reader begins with row 0 and with the first column that is filled."""
    places, done = deque(sorted(errors)), 0
    while part := list(islice(rows, ROWS_PER_BATCH)):
        columns = [[cell_text(value) for value in column] for column in zip(*part, strict=True)]
        while places and places[0][0] < done + len(part):
            row, column = place = places.popleft()
            if 0 <= column - first < len(columns):
                columns[column - first][row - done] = errors[place]
        done += len(part)
        yield columns


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    is_check = sys.argv[3:] == ["--forbidden"]
    fault = forbidden_lines(sys.argv[1]) if is_check else main(sys.argv[1], sys.argv[2])
    sys.stderr.write(fault)
    sys.exit(1 if fault else 0)
