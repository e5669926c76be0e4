"""k-anonymity: a row shares its quasi-identifiers with rows of at least k - 1 other persons. Pure.

Rows of small groups are generalised step after step; what stays in a small group is suppressed
while that is few, else it is hidden among further rows that give up everything (k-anonymity after
Samarati and Sweeney 1998; local recoding: rows of large groups keep their detail). Where the rows
of one person can be joined, what belongs to the person is generalised in all of them alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

SMALLEST_GROUP = 5
MOST_SUPPRESSED = 0.02
Codes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NOTHING = ""  # a quasi-identifier that was given up


@dataclass(frozen=True)
class Step:
    """One step of the ladder: `wider` makes a coarser value of one; None gives it up."""

    column: str
    wider: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Anonymised:
    """What became of the rows, arrays (rows,).

    values: per quasi-identifier the value to show, None where it was given up or never was.
    given_up: which rows lost it. is_suppressed: rows that may not be shown at all.
    """

    values: Mapping[str, npt.NDArray[np.object_]]
    given_up: Mapping[str, Flags]
    is_generalised: Flags
    is_suppressed: Flags

    @property
    def suppressed_share(self) -> float:
        """0..1"""
        return float(self.is_suppressed.mean()) if len(self.is_suppressed) else 0.0


@dataclass
class _Column:
    """One quasi-identifier as codes into a list of values; code 0 stands for "given up"."""

    codes: Codes
    values: list[Any]

    @classmethod
    def of(cls, series: "pd.Series[Any]") -> "_Column":
        codes, values = pd.factorize(series, use_na_sentinel=True)
        return cls(codes.astype(np.int64) + 1, [NOTHING, *values.tolist()])

    def recode(self, rows: Flags, wider: Callable[[Any], Any] | None) -> None:
        """Replace the value of these rows by a coarser one."""
        if wider is None:
            self.codes[rows] = 0
            return
        known = {value: code for code, value in enumerate(self.values)}
        target = np.zeros(len(self.values), dtype=np.int64)
        for code, value in enumerate(self.values[1:], start=1):
            coarse = wider(value)
            if coarse not in known:
                known[coarse] = len(self.values)
                self.values.append(coarse)
            target[code] = known[coarse]
        self.codes[rows] = target[self.codes[rows]]


def group_sizes(columns: Sequence[Codes], persons: Codes) -> npt.NDArray[np.int64]:
    """Number of persons in the group of each row, (rows,): rows are alike where all codes are."""
    group = np.zeros(len(persons), dtype=np.int64)
    for codes in columns:
        # Renumbered each time, so that the product of many columns never overflows.
        group = pd.factorize(group * (int(codes.max(initial=0)) + 1) + codes)[0]
    pairs = group * (int(persons.max(initial=0)) + 1) + persons
    is_repeated = pd.Series(pairs).duplicated().to_numpy()
    return np.asarray(np.bincount(group[~is_repeated], minlength=1)[group])


@dataclass
class _Recoding:
    """The columns while detail is given up. `shared` belong to the person, not to the row."""

    columns: Mapping[str, _Column]
    persons: Codes
    shared: frozenset[str]
    smallest_group: int

    def __post_init__(self) -> None:
        self.touched = np.zeros(len(self.persons), dtype=np.bool_)
        self.count = int(self.persons.max(initial=-1)) + 1

    def codes(self) -> list[Codes]:
        return [column.codes for column in self.columns.values()]

    def small(self) -> Flags:
        return np.asarray(group_sizes(self.codes(), self.persons) < self.smallest_group)

    def all_of(self, rows: Flags) -> Flags:
        """All rows of the persons of these rows."""
        is_meant = np.zeros(self.count, dtype=np.bool_)
        is_meant[self.persons[rows]] = True
        return is_meant[self.persons]

    def recode(self, rows: Flags, step: Step) -> None:
        meant = self.all_of(rows) if step.column in self.shared else rows
        self.columns[step.column].recode(meant, step.wider)
        self.touched |= meant

    def agree(self) -> None:
        """Give up what the rows of one person state differently: joined, they would say more."""
        for name in self.shared:
            codes = self.columns[name].codes
            lowest = np.full(self.count, np.iinfo(np.int64).max)
            highest = np.zeros(self.count, dtype=np.int64)
            np.minimum.at(lowest, self.persons, codes)
            np.maximum.at(highest, self.persons, codes)
            self.recode((lowest < highest)[self.persons], Step(name))

    def climb(self, ladder: Sequence[Step]) -> Flags:
        """Give up detail until no group is small; returns the rows for which that was not enough.

        A person who gives something up in all rows leaves larger groups too, which may become
        small by it: their rows then catch up on the steps that others have behind them.
        """
        for number in range(len(ladder)):
            is_done = np.zeros(len(self.persons), dtype=np.bool_)
            while (small := self.small() & ~is_done).any():
                for step in ladder[: number + 1]:
                    self.recode(small, step)
                is_done |= small
        return self.small()

    def hide(self, rows: Flags) -> None:
        """Give up everything of these persons and of as many others as hide them."""
        hidden = self.all_of(rows)
        while hidden.any():
            for name in self.columns:
                self.recode(hidden, Step(name))
            small = self.small()
            if not small.any():
                break
            more = small & ~hidden
            hidden |= self.all_of(more if more.any() else self._smallest_group(~hidden))

    def _smallest_group(self, rows: Flags) -> Flags:
        codes = self.codes()
        sizes = np.where(rows, group_sizes(codes, self.persons), np.iinfo(np.int64).max)
        first = int(sizes.argmin())
        return np.asarray(np.all([each == each[first] for each in codes], axis=0))


def anonymise(
    frame: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    ladder: Sequence[Step],
    *,
    person: str | None = None,
    of_person: Sequence[str] = (),
    smallest_group: int = SMALLEST_GROUP,
    most_suppressed: float = MOST_SUPPRESSED,
) -> Anonymised:
    """Generalise along the ladder, then suppress at most this share of the rows.

    Rows that are not suppressed form groups of at least `smallest_group` persons. `person` names
    the column by which a reader can join rows (None: each row is a person), `of_person` the
    quasi-identifiers that say something about the person: they are the same in all rows of one.
    Only a frame of fewer persons than that is suppressed as a whole. The ladder must give up every
    quasi-identifier. Raises ValueError where it does not, or where a limit makes no sense.
    """
    ends = {step.column for step in ladder if step.wider is None}
    if ends != set(quasi_identifiers) or smallest_group < 1 or not 0 <= most_suppressed <= 1:
        raise ValueError("the ladder must give up every quasi-identifier; k >= 1; share 0..1")
    columns = {name: _Column.of(frame[name]) for name in quasi_identifiers}
    persons = np.arange(len(frame)) if person is None else pd.factorize(frame[person])[0]
    recoding = _Recoding(columns, persons.astype(np.int64), frozenset(of_person), smallest_group)
    recoding.agree()
    left = recoding.climb(ladder)
    if recoding.count >= smallest_group and left.sum() > most_suppressed * len(frame):
        recoding.hide(left)
        left = recoding.small()
    return Anonymised(
        {name: np.array(each.values, dtype=object)[each.codes] for name, each in columns.items()},
        {name: each.codes == 0 for name, each in columns.items()},
        recoding.touched & ~left,
        left,
    )
