"""The rejects file: every rejected row with all its columns, its row number and the reasons.

It holds borrowers' data as the seller sent it, so only the seller's staff get it. UTF-8 with a
byte order mark, so that a spreadsheet opens it right; formulas are neutralised.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO

from npa_market.common.exports import neutralised


class RejectsWriter:
    """Writes rejected rows as they come; nothing is kept in memory."""

    def __init__(self, target: IO[bytes], header: Sequence[str]) -> None:
        self._target = target
        self._text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
        self._writer = csv.writer(self._text)
        self._writer.writerow(["row_number", "reasons", *map(neutralised, header)])
        self.rows = 0

    def write(self, row_number: int, reasons: Sequence[str], cells: Sequence[str]) -> None:
        """Add one rejected row."""
        self._writer.writerow([row_number, " | ".join(reasons), *map(neutralised, cells)])
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
