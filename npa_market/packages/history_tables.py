"""Tables over the loans of a package that have a history: no row of fewer than five borrowers.

A table of classes puts each loan in one class and adds up to the package. A table of events counts
a loan in every row in which it has an event, and states no balance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from npa_market.packages.bidder_tables import Groups, merged_groups, regrouped
from npa_market.packages.classes import Classes
from npa_market.packages.history_rows import Codes, Members

ALL, MOST, SOME, FEW = "all", "most", "some", "few"
MOST_ROWS = 16  # of a table over names that the seller wrote
MOST_MARKS = 1 << 27  # bytes that may be used to mark keys seen
Aggregate = tuple[str, str]  # column, name of the pandas aggregation


@dataclass(frozen=True)
class Reached:
    """Loans of a package, which of them have the history, and how far that reaches.

    reach: `few` or `most` where those with it, or those without, are of fewer than five borrowers.
    """

    members: Members
    has: npt.NDArray[np.bool_]
    reach: str


def class_table(
    reached: Reached, classes: Classes, *, key: str, without: str, is_ordered: bool = True
) -> list[dict[str, Any]]:
    """A list of one table, or of none where few have the history.

    classes: of the loans that have it, in their order. Those without are a row of their own, the
    same in each table of the history; only where they are few are they merged with others.
    """
    if reached.reach == FEW:
        return []
    if reached.reach == MOST:
        codes = np.zeros(len(reached.has), dtype=np.int64)
        codes[reached.has] = classes.codes + 1
        whole = Classes(codes, (without, *classes.labels))
        rows = _rows(reached, np.arange(len(codes)), whole, is_ordered=True)
        return [{"key": key, "rows": rows}]
    rows = _rows(reached, np.flatnonzero(reached.has), classes, is_ordered=is_ordered)
    outside = np.flatnonzero(~reached.has)
    if len(outside):
        rows.append(_row(reached.members, outside, without))
    return [{"key": key, "rows": rows}]


def _rows(
    reached: Reached, places: Codes, classes: Classes, *, is_ordered: bool
) -> list[dict[str, Any]]:
    merged = _merged(reached.members.borrowers[places], classes, is_ordered=is_ordered)
    return [
        _row(reached.members, places[merged.codes == code], label)
        for code, label in enumerate(merged.labels)
    ]


def _row(members: Members, places: Codes, label: str) -> dict[str, Any]:
    return {
        "label": label,
        "loans": len(places),
        "borrowers": members.people(places),
        "principal_minor": int(members.principal[places].sum()),
        "total_minor": int(members.total[places].sum()),
    }


def event_table(
    reached: Reached,
    events: pd.DataFrame,
    classes: Classes,
    *,
    key: str,
    figures: Mapping[str, Aggregate],
    is_ordered: bool = True,
) -> list[dict[str, Any]]:
    """A list of one table, or of none where few loans have, or lack, the history.

    classes: of the events. Rows, and the total, have loans, borrowers and the figures.
    """
    if reached.reach in {FEW, MOST}:
        return []
    loans = events["loan"].to_numpy()
    merged = _merged(reached.members.borrowers[loans], classes, is_ordered=is_ordered)

    def lines(codes: Codes, labels: Sequence[str]) -> list[dict[str, Any]]:
        found = events.groupby(codes).agg(**figures).to_dict("records")
        counts = {
            "loans": _distinct(codes, loans, len(labels)),
            "borrowers": _distinct(codes, reached.members.borrowers[loans], len(labels)),
        }
        return [
            {"label": label}
            | {name: int(each[place]) for name, each in counts.items()}
            | {str(name): _plain(value) for name, value in found[place].items()}
            for place, label in enumerate(labels)
        ]

    total = lines(np.zeros(len(loans), dtype=np.int64), ["Total"])[0]
    return [{"key": key, "rows": lines(merged.codes, merged.labels), "total": total}]


def _distinct(codes: Codes, keys: Codes, classes: int) -> Codes:
    """Different keys in each class."""
    width = int(keys.max(initial=0)) + 1
    places = codes * width + keys
    if classes * width > MOST_MARKS:
        seen = np.unique(places)
        return np.bincount(seen // width, minlength=classes)
    marks = np.zeros(classes * width, dtype=np.bool_)
    marks[places] = True
    return np.asarray(np.count_nonzero(marks.reshape(classes, width), axis=1), dtype=np.int64)


def _plain(value: Any) -> Any:
    """As JSON has it: whole numbers, days as months (`2026-05`), None for what is not stated."""
    if value is None or pd.isna(value):
        return None
    return f"{value:%Y-%m}" if isinstance(value, pd.Timestamp) else int(value)


def _merged(borrowers: Codes, classes: Classes, *, is_ordered: bool) -> Classes:
    """Classes of at least five borrowers; unordered ones are few, the largest for themselves."""
    used = np.flatnonzero(np.bincount(classes.codes, minlength=len(classes.labels)))
    narrow = Classes(
        np.searchsorted(used, classes.codes), tuple(classes.labels[place] for place in used)
    )
    counts = _distinct(narrow.codes, borrowers, len(used)).tolist()
    whole = int(np.count_nonzero(np.bincount(borrowers)))
    groups = merged_groups(counts, whole, is_ordered=is_ordered)
    if not is_ordered:
        groups = _at_most(groups, counts)
    return regrouped(narrow, groups, is_ordered=is_ordered)


def _at_most(groups: Groups, counts: Sequence[int]) -> Groups:
    """The largest groups, the others joined as the last; no group is cut."""
    if len(groups) <= MOST_ROWS:
        return groups
    singles = [group for group in groups if len(group) == 1]
    singles.sort(key=lambda group: -counts[group[0]])
    kept = sorted(singles[: MOST_ROWS - 1])
    rest = sorted(place for group in groups if group not in kept for place in group)
    return [*kept, rest]
