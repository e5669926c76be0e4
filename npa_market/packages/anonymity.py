"""k-anonymity: every row shares its quasi-identifiers with at least k - 1 others. Pure.

Rows of small groups are generalised step after step; what stays in a small group is suppressed
while that is few, else it is hidden among further rows that give up everything (k-anonymity after
Samarati and Sweeney 1998; local recoding: rows of large groups keep their detail).
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


def group_sizes(columns: Sequence[Codes]) -> npt.NDArray[np.int64]:
    """Size of the group of each row, (rows,): rows are alike where all codes are."""
    combined = np.zeros(len(columns[0]), dtype=np.int64)
    for codes in columns:
        # Renumbered each time, so that the product of many columns never overflows.
        combined = pd.factorize(combined * (int(codes.max(initial=0)) + 1) + codes)[0]
    return np.asarray(np.bincount(combined)[combined])


def anonymise(
    frame: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    ladder: Sequence[Step],
    *,
    smallest_group: int = SMALLEST_GROUP,
    most_suppressed: float = MOST_SUPPRESSED,
) -> Anonymised:
    """Generalise along the ladder, then suppress at most this share of the rows.

    Rows that are not suppressed form groups of at least `smallest_group`. Only a frame of fewer
    rows than that is suppressed as a whole. The ladder must give up every quasi-identifier.
    Raises ValueError where it does not, or where a limit makes no sense.
    """
    ends = {step.column for step in ladder if step.wider is None}
    if ends != set(quasi_identifiers) or smallest_group < 1 or not 0 <= most_suppressed <= 1:
        raise ValueError("the ladder must give up every quasi-identifier; k >= 1; share 0..1")
    columns = {name: _Column.of(frame[name]) for name in quasi_identifiers}
    touched = np.zeros(len(frame), dtype=np.bool_)

    def is_small() -> Flags:
        sizes = group_sizes([column.codes for column in columns.values()])
        return np.asarray(sizes < smallest_group)

    for step in ladder:
        small = is_small()
        if not small.any():
            break
        columns[step.column].recode(small, step.wider)
        touched |= small
    left = is_small()
    if left.any() and (left.sum() > most_suppressed * len(frame)) and len(frame) >= smallest_group:
        hidden = left | _smallest_others(columns, left, smallest_group)
        for column in columns.values():
            column.recode(hidden, None)
        touched |= hidden
        left = np.zeros(len(frame), dtype=np.bool_)
    return Anonymised(
        {name: np.array(each.values, dtype=object)[each.codes] for name, each in columns.items()},
        {name: each.codes == 0 for name, each in columns.items()},
        touched & ~left,
        left,
    )


def _smallest_others(columns: Mapping[str, _Column], left: Flags, smallest_group: int) -> Flags:
    """Rows of the smallest whole groups that, with the rows left, make a group large enough.

    Whole groups: taking a part of one could make the rest of it too small.
    """
    codes = np.stack([column.codes for column in columns.values()])
    groups, of_row, sizes = np.unique(codes, axis=1, return_inverse=True, return_counts=True)
    of_row = of_row.reshape(-1)
    sizes[np.unique(of_row[left])] = 0
    taken = np.zeros(groups.shape[1], dtype=np.bool_)
    missing = smallest_group - int(left.sum())
    for group in np.argsort(sizes, kind="stable").tolist():
        if missing <= 0:
            break
        if sizes[group]:
            taken[group] = True
            missing -= int(sizes[group])
    return np.asarray(taken[of_row])
