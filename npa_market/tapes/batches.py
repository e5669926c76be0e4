"""What a reader hands on: records one by one, or batches of whole columns, all cells as texts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.refusals import refuse

BATCH_ROWS = 50_000
MAX_CELL_CHARS = 131_072
RowNumbers = npt.NDArray[np.int64]
Record = tuple[int, list[str]]


@dataclass(frozen=True)
class Batch:
    """Some rows of a file, at most BATCH_ROWS, in the order of the file.

    row_numbers: (rows,) int64, as a spreadsheet counts records. cells: one string array per column
    of the header, in its order, (rows,) each, no nulls. columns: the same arrays by the source
    name of the mapping, for the columns that it knows. ragged: records with another number of
    cells than the header, apart; a surplus of blank cells is cut off and is not ragged.
    """

    row_numbers: RowNumbers
    cells: tuple[pa.StringArray, ...]
    columns: dict[str, pa.StringArray]
    ragged: list[Record]

    @property
    def rows(self) -> int:
        """Number of well-shaped rows."""
        return len(self.row_numbers)

    def record(self, index: int) -> Record:
        """Row number and all cells of one row, as texts."""
        return int(self.row_numbers[index]), [column[index].as_py() for column in self.cells]

    def records(self) -> Iterator[Record]:
        """All rows as records; slow, for small batches."""
        texts = [column.to_pylist() for column in self.cells]
        for number, cells in zip(self.row_numbers.tolist(), zip(*texts, strict=True), strict=True):
            yield number, list(cells)


def fitted(cells: Sequence[str], width: int) -> list[str] | None:
    """Cells as wide as the header, or None: a longer row passes if its surplus is blank."""
    if len(cells) == width:
        return list(cells)
    if len(cells) > width and not any(cells[width:]):
        return list(cells[:width])
    return None


def columns_of(rows: Sequence[Sequence[str]], width: int) -> tuple[pa.StringArray, ...]:
    """Columns of rows of equal width; half a surrogate pair becomes U+FFFD."""
    if not rows:
        return tuple(pa.array([], pa.string()) for _ in range(width))
    return tuple(string_array(column) for column in zip(*rows, strict=True))


def string_array(texts: Sequence[str]) -> pa.StringArray:
    """Texts as Arrow takes them; half a surrogate pair becomes U+FFFD."""
    try:
        return pa.array(texts, pa.string())
    except (UnicodeEncodeError, pa.ArrowInvalid):
        return pa.array([_whole(text) for text in texts], pa.string())


def _whole(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def legible(text: str) -> str:
    """A name or sample that can be shown, kept and sent: U+FFFD for NUL and half a surrogate."""
    return _whole(text.replace("\0", "\ufffd"))


def batches_of(records: Iterable[Record], width: int) -> Iterator[Batch]:
    """Batches of records one by one read, for files without a faster way."""
    numbers: list[int] = []
    rows: list[list[str]] = []
    ragged: list[Record] = []
    for number, cells in records:
        row = fitted(cells, width)
        if row is None:
            ragged.append((number, cells))
        else:
            numbers.append(number)
            rows.append(row)
        if len(rows) + len(ragged) >= BATCH_ROWS:
            yield Batch(np.array(numbers, np.int64), columns_of(rows, width), {}, ragged)
            numbers, rows, ragged = [], [], []
    if rows or ragged:
        yield Batch(np.array(numbers, np.int64), columns_of(rows, width), {}, ragged)


def check_cells(batch: Batch) -> None:
    """Refuse a cell that is longer than any cell of a tape."""
    for column in batch.cells:
        # Bytes first: they cost nothing, and no text has more characters than bytes.
        if not len(column) or pc.max(pc.binary_length(column)).as_py() <= MAX_CELL_CHARS:
            continue
        lengths = pc.utf8_length(column).to_numpy()
        if lengths.max() > MAX_CELL_CHARS:
            raise cell_too_long(int(batch.row_numbers[int(lengths.argmax())]))


def cell_too_long(row: int) -> Exception:
    """The refusal of a file with such a cell."""
    return refuse(
        "cell_too_long",
        f"Row {row:,} holds a cell of more than {MAX_CELL_CHARS:,} characters, "
        "perhaps after a quote that is never closed.",
    )
