"""Delimited text: records by the csv module, batches by Arrow wherever both read the same.

Arrow reads a million rows in seconds. What it does not read exactly as the csv module does
(a record longer than a block, a parser that stumbles) falls back to the csv module at the row
where it happened, so that cells and row numbers never depend on the path.
"""

import csv
import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pyarrow as pa

from npa_market.tapes.batches import (
    BATCH_ROWS,
    Batch,
    Record,
    RowNumbers,
    batches_of,
    cell_too_long,
    check_cells,
    columns_of,
    fitted,
)
from npa_market.tapes.unpacking import Content

_BLOCK_BYTES = 16 << 20
_TEXT_CHUNK = 1 << 20


def _decoded(stream: IO[bytes], encoding: str) -> io.TextIOWrapper:
    # A byte that does not decode becomes U+FFFD, so that its row alone is rejected.
    text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
    text._CHUNK_SIZE = _TEXT_CHUNK  # type: ignore[attr-defined]  # 8 kB would be ten times slower.
    return text


class _Utf8(io.RawIOBase):
    """A decoded text as UTF-8 bytes, for Arrow."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        if not self._left:
            # Half a surrogate pair is no text in any encoding read here: "replace" saw to it.
            self._left = self._text.read(_TEXT_CHUNK).encode()
        content, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)


@dataclass
class DelimitedRows:
    """The rows of a delimited text."""

    content: Content
    encoding: str
    delimiter: str

    def records(self, after: int = 0) -> Generator[Record, None, None]:
        """(row number, cells) of the rows after row `after`; a blank line is a row without cells.

        Raises InvalidInput (cell_too_long).
        """
        text = _decoded(self.content.open(), self.encoding)
        row = 0
        try:
            for cells in csv.reader(text, delimiter=self.delimiter):
                row += 1
                if row > after:
                    yield row, cells
        except csv.Error as error:
            raise cell_too_long(row + 1) from error
        finally:
            text.detach()  # Else the caller's file is closed with the wrapper.

    def batches(self, header_row: int, width: int) -> Generator[Batch, None, None]:
        """All rows under the header."""
        done = header_row
        if width > 1:
            try:
                for batch in self._fast_batches(header_row, width):
                    done = _last_row(batch, done)
                    yield batch
                return
            except pa.ArrowInvalid:
                pass  # Not a fault of the file: the csv module reads on from here.
        for batch in batches_of(self.records(after=done), width):
            check_cells(batch)
            yield batch

    def _fast_batches(self, header_row: int, width: int) -> Iterator[Batch]:
        text = _decoded(self.content.open(), self.encoding)
        try:
            lines = csv.reader(text, delimiter=self.delimiter)
            for _ in range(header_row):
                next(lines, None)
            yield from self._arrow_batches(text, header_row, width)
        finally:
            text.detach()

    def _arrow_batches(
        self, text: io.TextIOWrapper, header_row: int, width: int
    ) -> Iterator[Batch]:
        import pyarrow.csv as arrow_csv

        odd: list[tuple[int, str]] = []

        def remember(row: Any) -> str:
            odd.append((row.number + header_row, row.text))
            return "skip"

        names = [str(position) for position in range(width)]
        reader = arrow_csv.open_csv(
            _Utf8(text),
            read_options=arrow_csv.ReadOptions(
                column_names=names, use_threads=False, block_size=_BLOCK_BYTES
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=remember,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        row, nothing = header_row, pa.record_batch(list(columns_of([], width)), names)
        for read in reader:
            for start in range(0, read.num_rows, BATCH_ROWS):
                part = read.slice(start, BATCH_ROWS)
                batch, row = self._numbered(part, row, odd)
                check_cells(batch)
                yield batch
        if odd:
            yield self._numbered(nothing, row, odd)[0]

    def _numbered(
        self, read: pa.RecordBatch, row: int, odd: list[tuple[int, str]]
    ) -> tuple[Batch, int]:
        """Number the rows that Arrow took, and put those it left aside where they belong.

        `row` is the last row of the batch before; `odd` loses the records that are used up.
        """
        if len(odd) > BATCH_ROWS:
            raise pa.ArrowInvalid("nearly every record is odd")
        passed = np.array([number for number, _ in odd], np.int64)
        numbers = np.arange(row + 1, row + 1 + read.num_rows + len(odd), dtype=np.int64)
        numbers = np.setdiff1d(numbers, passed, assume_unique=True)[: read.num_rows]
        # The last batch has all that is left: odd records at the end of the file.
        last = int(numbers[-1]) if read.num_rows else row + len(odd)
        due = [record for record in odd if record[0] <= last]
        odd[:] = odd[len(due) :]
        fitting, ragged = self._sorted_out(due, read.num_columns)
        cells: tuple[pa.StringArray, ...] = tuple(read.columns)
        if fitting:
            numbers, cells = _merged(numbers, cells, fitting)
        return Batch(numbers, cells, {}, ragged), last

    def _sorted_out(
        self, odd: list[tuple[int, str]], width: int
    ) -> tuple[list[Record], list[Record]]:
        """Odd records that fit the header after all, and those that do not."""
        fitting, ragged = [], []
        for number, text in odd:
            lines = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
            try:
                cells = next(lines, [])
            except csv.Error as error:
                raise cell_too_long(number) from error
            row = fitted(cells, width)
            if row is None:
                ragged.append((number, cells))
            else:
                fitting.append((number, row))
        return fitting, ragged


def _merged(
    numbers: RowNumbers, cells: tuple[pa.StringArray, ...], fitting: list[Record]
) -> tuple[RowNumbers, tuple[pa.StringArray, ...]]:
    added = columns_of([row for _, row in fitting], len(cells))
    numbers = np.concatenate([numbers, np.array([number for number, _ in fitting], np.int64)])
    order = np.argsort(numbers, kind="stable")
    merged = (
        pa.concat_arrays([column, more]).take(pa.array(order))
        for column, more in zip(cells, added, strict=True)
    )
    return numbers[order], tuple(merged)


def _last_row(batch: Batch, before: int) -> int:
    """Highest row number of a batch."""
    numbered = int(batch.row_numbers[-1]) if batch.rows else before
    return max(numbered, *(number for number, _ in batch.ragged), before)
