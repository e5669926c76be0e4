"""Rows of a history that stand twice: in the file, or in one that was attached before.

Money that is counted twice is worse than a row that the seller must tell apart, so repeats of
payments and placements are kept out. Of other kinds they are noted: a complaint may be stated anew.
Rows are compared as hashes of 64 bits, 24 bytes a row: two of a million are taken for one in one
of some ten million files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.batches import Batch
from npa_market.tapes.columns import Flags
from npa_market.tapes.dictionary import Kind
from npa_market.tapes.frames import trimmed
from npa_market.tapes.history_layouts import LAYOUTS
from npa_market.tapes.history_models import ROWS_OF_KIND, HistoryFile, HistoryKind, HistoryState
from npa_market.tapes.loading import Columns
from npa_market.tapes.same_debt import FirstRows, Hashes, Rows
from npa_market.tapes.validation import Severity

COUNTED = (HistoryKind.PAYMENTS, HistoryKind.PLACEMENTS)
_STEP = 20_000
_ATTACHED = 0  # No row of a file has this number.
_TYPES = {
    Kind.DATE: pa.date32(),
    Kind.MONEY: pa.int64(),
    Kind.INTEGER: pa.int64(),
    Kind.RATE: pa.int64(),
    Kind.FLAG: pa.bool_(),
}


@dataclass(frozen=True)
class RepeatRule:
    """What is said of rows that repeat another one, and whether they are kept out."""

    id: str
    severity: Severity
    words: str


REPEATED = RepeatRule(
    "row_repeated",
    Severity.REJECT,
    "The row stands twice, in this file or in one attached before: its money would count twice. "
    "If it is another one, tell it apart, e.g. by a reference in its channel or agency.",
)
STATED_AGAIN = RepeatRule(
    "row_repeated",
    Severity.NOTE,
    "The row stands twice, in this file or in one attached before; it was taken in again.",
)
ALIKE = RepeatRule(
    "row_alike",
    Severity.NOTE,
    "An earlier row differs in columns alone that are not taken in: is the money counted twice?",
)
REPEAT_RULES = (REPEATED, STATED_AGAIN, ALIKE)


@dataclass(frozen=True)
class Seen:
    """Rows of a chunk that a rule meets, as positions, and the row that each is like (0: one of a
    file attached before)."""

    rule: RepeatRule
    places: Rows
    like: Rows


@dataclass
class Repeats:
    """The rows of a file so far, and those of the files of its tape and kind attached before it."""

    history: HistoryFile
    attached: set[UUID] = field(default_factory=set)
    _values: FirstRows = field(default_factory=FirstRows)
    _later: FirstRows = field(default_factory=FirstRows)  # with the columns that are not taken in

    def start(self) -> None:
        """Read what was attached before."""
        self._add(self._new_files())

    def seen(self, columns: Columns, rest: Hashes, rows: Rows) -> list[Seen]:
        """What repeats in the next chunk. rest: hashes of the cells that are not taken in."""
        values = value_hashes(columns)
        whole = values + rest
        first, others = self._values.add(values, rows, whole)
        again = np.flatnonzero(first < rows)
        self._later.add(whole[again], rows[again], whole[again])
        is_first: Flags = (first[again] == _ATTACHED) | (others[again] == whole[again])
        like = np.where(is_first, first[again], self._later.of(whole[again]))
        is_repeat = like < rows[again]
        repeats, alike = again[is_repeat], again[~is_repeat]
        if self.history.kind not in COUNTED:
            return [Seen(STATED_AGAIN, repeats, like[is_repeat])]
        return [Seen(REPEATED, repeats, like[is_repeat]), Seen(ALIKE, alike, first[alike])]

    def meet_newer(self) -> bool:
        """Does a file that was attached since the start hold a row of this one's money?"""
        if self.history.kind not in COUNTED:
            return False
        files = self._new_files()
        never = np.iinfo(np.int64).max
        return any(
            (self._values.of(value_hashes(columns)) != never).any()
            for file in files
            for columns in _rows_of(file)
        )

    def _new_files(self) -> list[HistoryFile]:
        history = self.history
        files = HistoryFile.objects.filter(
            tape=history.tape_id, kind=history.kind, state=HistoryState.IMPORTED
        )
        return list(files.exclude(pk__in=[history.pk, *self.attached]))

    def _add(self, files: list[HistoryFile]) -> None:
        for file in files:
            self.attached.add(file.pk)
            for columns in _rows_of(file):
                values = value_hashes(columns)
                self._values.add(values, np.full(len(values), _ATTACHED), values)


def rest_hashes(batch: Batch, rows: Rows, taken: set[int]) -> Hashes:
    """Of the cells of some rows that are in none of the columns `taken`, positions."""
    found = np.zeros(len(rows), np.uint64)
    for position, cells in enumerate(batch.cells):
        if position not in taken:
            texts = trimmed(cells.take(pa.array(rows)))
            found += _hashes(texts) * np.uint64(2 * position + 1)
    return found


def value_hashes(columns: Columns) -> Hashes:
    """Of rows as their table takes them, but for their source."""
    arrays = [array for name, array in columns.items() if name != "source"]
    found = np.zeros(len(arrays[0]), np.uint64)
    for position, array in enumerate(arrays):
        found += _hashes(array) * np.uint64(2 * position + 1)
    return found


def _hashes(array: pa.Array) -> Hashes:
    plain: npt.NDArray[np.object_] | npt.NDArray[np.int64]
    if pa.types.is_string(array.type):
        plain = pc.fill_null(array, "").to_numpy(zero_copy_only=False)
    else:
        whole = array.cast(pa.int32() if pa.types.is_date(array.type) else pa.int64())
        plain = pc.fill_null(whole.cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()
    return pd.util.hash_array(plain, categorize=False)


def _rows_of(file: HistoryFile) -> Iterator[Columns]:
    """The rows of an attached file as columns, some thousand at a time."""
    fields = [column.field for column in LAYOUTS[file.kind][1:]]
    rows = ROWS_OF_KIND[file.kind].objects.filter(source=file).order_by("pk")
    names, last = [each.name for each in fields], 0
    while some := list(rows.filter(pk__gt=last).values_list("pk", "loan_id", *names)[:_STEP]):
        last = some[-1][0]
        _, loans, *values = zip(*some, strict=True)
        yield {
            "loan": pa.array([loan.hex for loan in loans], pa.string()),
            **{
                each.name: pa.array(list(of), _TYPES.get(each.kind, pa.string()))
                for each, of in zip(fields, values, strict=True)
            },
        }
