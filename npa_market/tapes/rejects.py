"""The rejects file: every rejected row with all its columns, its row number and the reasons.

It holds borrowers' data as the seller sent it, so only the seller's staff get it. UTF-8 with a
byte order mark, so that a spreadsheet opens it right. A cell that a spreadsheet could run as a
formula carries an apostrophe, which the import of a repaired file takes off again: `quoted` and
`unquoted` are each other's inverse.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryFile
from typing import IO

from django.http import FileResponse

from npa_market.common.errors import Refused
from npa_market.common.exports import neutralised
from npa_market.common.workbooks import LONGEST_CELL, sheets_file

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MARKER = ["row_number", "reasons"]
_BETWEEN = " | "  # two reasons of a row
# An apostrophe of the seller's own before a formula sign is told from ours by a second one.
QUOTED_REST = r"'*[=+\-@\t\r]"
_QUOTED = re.compile("'" + QUOTED_REST)


def quoted(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{cell}" if _QUOTED.match(cell) else str(neutralised(cell))


def unquoted(cell: str) -> str:
    """The cell as it was before `quoted`."""
    return cell[1:] if _QUOTED.match(cell) else cell


def is_rejects_header(cells: Sequence[str]) -> bool:
    """Does a file with this header come from here?"""
    return list(cells[:2]) == MARKER


class RejectsWriter:
    """Writes rejected rows as they come; nothing is kept in memory."""

    def __init__(self, target: IO[bytes], header: Sequence[str]) -> None:
        self._target = target
        self._text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
        self._writer = csv.writer(self._text)
        # A rejects file that was sent in again keeps its cells, not its old row numbers.
        self._first = len(MARKER) if is_rejects_header(header) else 0
        self._writer.writerow([*MARKER, *map(quoted, header[self._first :])])
        self.rows = 0

    def write(self, row_number: int, reasons: Sequence[str], cells: Sequence[str]) -> None:
        """Add one rejected row."""
        row = [row_number, _BETWEEN.join(reasons), *map(quoted, cells[self._first :])]
        self._writer.writerow(row)
        self.rows += 1

    def chunks(self) -> Iterator[bytes]:
        """The whole file from its beginning."""
        self._text.flush()
        self._target.seek(0)
        return iter(lambda: self._target.read(1 << 20), b"")


@contextmanager
def rejects_writer(header: Sequence[str]) -> Iterator[RejectsWriter]:
    """A writer on a temporary file that goes with the block."""
    with TemporaryFile() as target:
        writer = RejectsWriter(target, header)
        yield writer
        writer._text.detach()


def with_reasons(content: IO[bytes], reasons: Collection[str]) -> IO[bytes]:
    """The rows of a kept rejects file, which is closed, that have one of these reasons.

    The result is a temporary file at its beginning, in the same form.
    """
    wanted = set(reasons)
    with ExitStack() as stack:
        target = stack.enter_context(TemporaryFile())
        text = stack.enter_context(io.TextIOWrapper(content, "utf-8-sig", newline=""))
        rows = csv.reader(text)
        out = io.TextIOWrapper(target, "utf-8-sig", newline="", write_through=True)
        writer = csv.writer(out)
        writer.writerow(next(rows))
        writer.writerows(row for row in rows if not wanted.isdisjoint(row[1].split(_BETWEEN)))
        out.detach()
        target.seek(0)
        text.close()
        stack.pop_all()  # The caller closes the result.
        return target


def rejects_workbook(content: IO[bytes]) -> IO[bytes]:
    """The same cells as XLSX, all of them texts, so that no identity number loses its digits.

    content: a kept rejects file, which is read to its end and closed. The result is a temporary
    file at its beginning. Raises Refused where a cell is longer than a workbook takes.
    """
    with io.TextIOWrapper(content, "utf-8-sig", newline="") as text:
        rows = csv.reader(text)
        return sheets_file(next(rows), _fitting(rows), title="Rejected rows")


def _fitting(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    for row in rows:
        if any(len(cell) > LONGEST_CELL for cell in row):
            raise Refused(
                "cell_too_long",
                f"Row {row[0]} holds a cell of more than {LONGEST_CELL:,} characters, more than a "
                "workbook takes. Take the CSV.",
            )
        yield row


def rejects_answer(content: IO[bytes], name: str, form: str) -> FileResponse:
    """A kept rejects file as a download, `csv` or `xlsx`. Raises Refused as `rejects_workbook`."""
    return FileResponse(
        rejects_workbook(content) if form == "xlsx" else content,
        as_attachment=True,
        filename=f"{name}-rejects.{form}",
        content_type=CONTENT_TYPES[form],
    )
