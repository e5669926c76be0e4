"""Every row that breaks a rule, kept beside the counts: written during the import, read by page.

One Parquet file per import in the order of the tape, with the rule's words, the loan number and
the cell as pages show it: personal values are masked before they are written. Its rows are found
by position, so the page after row 900,000 costs what the first one costs.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from npa_market.tapes.batches import legible
from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.masking import masked_cell, masked_id_number, masked_mobile, masked_name

PAGE_ROWS = 50
RowNumbers = npt.NDArray[np.int64]
_WORDS = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("row_number", pa.int64(), nullable=False),
        pa.field("rule", _WORDS, nullable=False),
        pa.field("severity", _WORDS, nullable=False),
        pa.field("column", _WORDS, nullable=False),
        pa.field("words", _WORDS, nullable=False),
        pa.field("loan_number", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
    ]
)
_FILTERS = ("rule", "severity", "column")
_MASKS = {"name": masked_name, "id_number": masked_id_number, "mobile": masked_mobile}


def shown_value(field_name: str, value: str) -> str:
    """A cell for a finding: masked where the column is personal."""
    if FIELDS[field_name].is_personal:
        value = legible(value)
        return _MASKS[field_name](value) if field_name in _MASKS else "*" * min(len(value), 8)
    return masked_cell(value)


def _shown_values(field_name: str, cells: pa.StringArray) -> pa.StringArray:
    """The same of a column; each distinct text is masked once."""
    encoded = cells.dictionary_encode()
    shown = [shown_value(field_name, text) for text in encoded.dictionary.to_pylist()]
    return pa.array(shown, pa.string()).take(encoded.indices)


@dataclass(frozen=True)
class Hits:
    """Rows that break a rule, with their loan numbers and cells as pages show them."""

    rows: RowNumbers
    loan_numbers: pa.StringArray
    values: pa.StringArray

    @staticmethod
    def of(rows: Sequence[int], values: Sequence[str], loan_numbers: Sequence[str] = ()) -> "Hits":
        """From plain lists."""
        numbers = list(loan_numbers) or [""] * len(rows)
        return Hits(
            np.array(rows, np.int64), pa.array(numbers, pa.string()), pa.array(values, pa.string())
        )

    def examples(self, column: str, count: int) -> list[dict[str, Any]]:
        """The first ones as a finding quotes them."""
        first = zip(self.rows[:count].tolist(), self.values[:count].to_pylist(), strict=True)
        return [{"row": row, "column": column, "value": value} for row, value in first]


@dataclass(frozen=True)
class ChunkCells:
    """A chunk's row numbers, and its cells as received by field of the dictionary."""

    row_numbers: RowNumbers
    by_field: MappingOf[str, pa.StringArray]

    def hits(self, places: Any, field_name: str) -> Hits:
        """The rows at these places of the chunk, ascending, with their cells of a field."""
        at = pa.array(np.asarray(places, np.int64))
        return Hits(
            self.row_numbers[at.to_numpy()],
            self._shown("loan_number", at),
            self._shown(field_name, at),
        )

    def _shown(self, field_name: str, at: pa.Array) -> pa.StringArray:
        cells = self.by_field.get(field_name)
        if cells is None:
            return pa.repeat("", len(at))
        return _shown_values(field_name, cells.take(at))


@dataclass(frozen=True)
class Found:
    """Hits of one rule on one column."""

    rule: str
    severity: str
    column: str
    words: str
    hits: Hits


class FoundWriter:
    """Takes the findings of a chunk after the other; nothing is kept in memory."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._writer = pq.ParquetWriter(target, SCHEMA, compression="zstd")
        self.rows = 0

    def write(self, found: Sequence[Found]) -> None:
        """Add findings, in the order of the tape's rows."""
        if not sum(len(each.hits.rows) for each in found):
            return
        table = pa.concat_tables(_table_of(each) for each in found).unify_dictionaries()
        order = np.argsort(table.column("row_number").to_numpy(), kind="stable")
        self._writer.write_table(table.take(pa.array(order)))
        self.rows += table.num_rows

    def chunks(self) -> Iterator[bytes]:
        """The whole file from its beginning; nothing more is taken."""
        self._writer.close()
        self._target.seek(0)
        return iter(lambda: self._target.read(1 << 20), b"")


def _table_of(found: Found) -> pa.Table:
    rows = len(found.hits.rows)
    told = (found.rule, found.severity, found.column, found.words)
    zeros = pa.repeat(pa.scalar(0, pa.int32()), rows)
    return pa.table(
        [
            pa.array(found.hits.rows),
            *(pa.DictionaryArray.from_arrays(zeros, pa.array([text])) for text in told),
            found.hits.loan_numbers,
            found.hits.values,
        ],
        schema=SCHEMA,
    )


@contextmanager
def found_writer() -> Iterator[FoundWriter]:
    """A writer on a temporary file that goes with the block."""
    with TemporaryFile() as target:
        writer = FoundWriter(target)
        try:
            yield writer
        finally:
            writer._writer.close()


@dataclass(frozen=True)
class Wanted:
    """What to show: empty parts take every rule, severity, column."""

    rule: str = ""
    severity: str = ""
    column: str = ""


@dataclass(frozen=True)
class FoundPage:
    """Some rows as plain dicts, how many there are in all, and where the next page begins."""

    rows: list[dict[str, Any]]
    count: int
    next_after: int | None


def found_page(content: IO[bytes], wanted: Wanted, *, after: int = -1) -> FoundPage:
    """Rows behind position `after` of the file."""
    file = pq.ParquetFile(content, read_dictionary=list(_FILTERS))
    places = _places(file, wanted)
    ahead = places[np.searchsorted(places, after, side="right") :][: PAGE_ROWS + 1]
    rows = [row for table in _parts(file, ahead[:PAGE_ROWS]) for row in table.to_pylist()]
    more = int(ahead[PAGE_ROWS - 1]) if len(ahead) > PAGE_ROWS else None
    return FoundPage(rows, len(places), more)


def found_lines(content: IO[bytes], wanted: Wanted) -> Iterator[list[Any]]:
    """All rows for an export, in the order of `SCHEMA`."""
    file = pq.ParquetFile(content, read_dictionary=list(_FILTERS))
    for table in _parts(file, _places(file, wanted)):
        yield from (list(row.values()) for row in table.to_pylist())


def _places(file: pq.ParquetFile, wanted: Wanted) -> npt.NDArray[np.int64]:
    """Positions of the wanted rows in the file."""
    asked = {name: getattr(wanted, name) for name in _FILTERS if getattr(wanted, name)}
    if not asked:
        return np.arange(file.metadata.num_rows)
    table = file.read(columns=list(asked))
    mask = np.ones(table.num_rows, dtype=bool)
    for name, text in asked.items():
        mask &= pc.equal(table.column(name), text).to_numpy()
    return np.flatnonzero(mask)


def _parts(file: pq.ParquetFile, places: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """The rows at these places, row group by row group, of those that have some."""
    start = 0
    for group in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        here = places[np.searchsorted(places, start) : np.searchsorted(places, start + size)]
        if len(here):
            yield file.read_row_group(group).take(pa.array(here - start))
        start += size
