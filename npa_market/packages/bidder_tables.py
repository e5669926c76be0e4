"""Tables as everybody but the seller sees them: no cell of fewer than five borrowers.

Small cells are merged, not left out: what is left out could be worked out from the total. Kept
tables are rows, so the merge works on rows; every place that shows a table uses this one merge,
because two different merges of one table could be subtracted from each other.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npa_market.packages.classes import CLASSIFIERS, Classes

SMALLEST_CELL = 5  # borrowers
SMALLEST_PUBLIC_CELL = 10  # borrowers; smaller cells never leave the data room
SUMS = ("loans", "principal_minor", "total_minor", "claim_minor")
TO = " … "
Groups = list[list[int]]
IsSmall = Callable[[list[int]], bool]


def table_for_bidders(table: dict[str, Any]) -> dict[str, Any]:
    """A kept stratification, its small rows merged; `borrowers_at_most` marks an upper bound."""
    counts, whole = [row["borrowers"] for row in table["rows"]], table["total"]["borrowers"]
    is_ordered = CLASSIFIERS[table["key"]].is_ordered
    groups = merged_groups(counts, whole, is_ordered=is_ordered)
    return table | {"rows": [_merged(table, group, is_ordered) for group in groups]}


def _merged(table: dict[str, Any], group: list[int], is_ordered: bool) -> dict[str, Any]:
    rows = [table["rows"][place] for place in group]
    borrowers, is_bound = borrowers_of(
        group, [row["borrowers"] for row in table["rows"]], table["total"]["borrowers"]
    )
    sums = {name: sum(row[name] for row in rows) for name in SUMS}
    claim = table["total"]["claim_minor"]
    return sums | {
        "label": merged_label([row["label"] for row in rows], is_ordered=is_ordered),
        "borrowers": borrowers,
        "borrowers_at_most": is_bound,
        "share": sums["claim_minor"] / claim if claim else 0.0,
    }


def merged_label(labels: Sequence[str], *, is_ordered: bool) -> str:
    """`2019 … 2021` of neighbours, `Other (3)` of categories, a label alone as it is."""
    if len(labels) == 1:
        return labels[0]
    return f"{labels[0]}{TO}{labels[-1]}" if is_ordered else f"Other ({len(labels)})"


def borrowers_of(group: Sequence[int], counts: Sequence[int], whole: int) -> tuple[int, bool]:
    """Borrowers of merged rows, and whether that is only an upper bound.

    One with loans in two of the rows is counted twice in their sum; rows of which none overlap add
    up to the total, and then the sum is exact.
    """
    summed = sum(counts[place] for place in group)
    if len(group) == len(counts):
        return whole, False
    return min(summed, whole), len(group) > 1 and sum(counts) > whole


def merged_groups(
    counts: Sequence[int], whole: int, *, is_ordered: bool, least: int = SMALLEST_CELL
) -> Groups:
    """Places of the rows that are shown as one; each group surely has `least` borrowers.

    counts: borrowers per row; whole: of the package. A smaller package is one group.
    """
    rows = [[place] for place in range(len(counts))]
    return _merged_parts(rows, counts, whole, least=least, is_ordered=is_ordered)


def public_groups(
    counts: Sequence[int], whole: int, *, is_ordered: bool, least: int = SMALLEST_PUBLIC_CELL
) -> Groups:
    """The same for notices: groups of the data room merged further, none of them cut.

    A reader of both could subtract a group that crosses one of the data room's.
    """
    rooms = merged_groups(counts, whole, is_ordered=is_ordered)
    return _merged_parts(rooms, counts, whole, least=least, is_ordered=is_ordered)


def _merged_parts(
    parts: Groups, counts: Sequence[int], whole: int, *, least: int, is_ordered: bool
) -> Groups:
    def is_small(group: list[int]) -> bool:
        return _surely(group, counts, whole) < least

    return _neighbours(parts, is_small) if is_ordered else _others(parts, counts, is_small)


def _neighbours(parts: Groups, is_small: IsSmall) -> Groups:
    groups: Groups = []
    for part in parts:
        if groups and is_small(groups[-1]):
            groups[-1] = groups[-1] + part
        else:
            groups.append(part)
    if len(groups) > 1 and is_small(groups[-1]):
        tail = groups.pop()
        groups[-1] = groups[-1] + tail
    return groups


def _others(parts: Groups, counts: Sequence[int], is_small: IsSmall) -> Groups:
    """Single rows, and one group of others that takes in the smallest rows."""
    others = [place for part in parts if len(part) > 1 for place in part]
    singles = [place for part in parts if len(part) == 1 for place in part]
    singles.sort(key=lambda place: (-counts[place], place))
    while singles and (is_small([singles[-1]]) or (others and is_small(others))):
        others.append(singles.pop())
    return [*([place] for place in sorted(singles)), *([sorted(others)] if others else [])]


def _surely(group: Sequence[int], counts: Sequence[int], whole: int) -> int:
    """Fewest different borrowers that these rows can have together."""
    inside = sum(counts[place] for place in group)
    outside = sum(counts) - inside
    return max(max(counts[place] for place in group), whole - outside)


def regrouped(classes: Classes, groups: Groups, *, is_ordered: bool = True) -> Classes:
    """The classes with those of each group made one; classes in no group have no loans."""
    target = np.zeros(len(classes.labels), dtype=np.int64)
    for number, members in enumerate(groups):
        target[members] = number
    labels = [
        merged_label([classes.labels[place] for place in members], is_ordered=is_ordered)
        for members in groups
    ]
    return Classes(target[classes.codes], tuple(labels))
