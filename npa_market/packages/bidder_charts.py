"""Charts of loans and borrowers as everybody but the seller sees them: no point for one of them.

A histogram and a table of the same balances cut the same loans, and so do ranks; each cut here
keeps five borrowers away from every other one that a reader could subtract.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from npa_market.packages.bidder_tables import SMALLEST_CELL, merged_groups, regrouped
from npa_market.packages.classes import CLASSIFIERS, Classes
from npa_market.packages.distinct import Codes, distinct_borrowers

LARGEST_GROUP = 10  # A notice states the largest total: without that one, nine are left.
LARGEST_COUNTS, LARGEST_PERCENTS = (10, 20, 50), (1, 5, 10)
STEPS = 100


def balance_rows(frame: pd.DataFrame, borrowers: Codes) -> Classes:
    """The loans by the rows that bidders see of the table of balances."""
    classes = CLASSIFIERS["balance"].classify(frame)
    counts = distinct_borrowers(classes.codes, len(classes.labels), borrowers)
    used = np.flatnonzero(counts).tolist()
    whole = int(np.count_nonzero(np.bincount(borrowers)))
    groups = merged_groups(counts[used].tolist(), whole, is_ordered=True)
    return regrouped(classes, [[used[place] for place in group] for group in groups])


def joined_bins(edges: Codes, bins: Codes, borrowers: Codes, rows: Classes) -> Codes:
    """The edges without those that cut fewer than five borrowers off a row of the balance table.

    bins: place between the edges, per loan; rows: see `balance_rows`.
    """
    width, size = len(edges) - 1, len(rows.labels)
    cells = distinct_borrowers(rows.codes * width + bins, size * width, borrowers)
    wholes = distinct_borrowers(rows.codes, size, borrowers)
    is_edge = np.ones(len(edges), dtype=np.bool_)
    for counts, whole in zip(cells.reshape(size, width), wholes.tolist(), strict=True):
        used = np.flatnonzero(counts)
        for group in merged_groups(counts[used].tolist(), whole, is_ordered=True):
            is_edge[used[group[0]] + 1 : used[group[-1]] + 1] = False
    return edges[is_edge]


def ranks_beside(rows: Classes, borrowers: Codes) -> list[int]:
    """How many of the largest borrowers the table of balances cuts off, row by row.

    Exact where each has one loan; otherwise its rows say nothing of ranks.
    """
    counts = distinct_borrowers(rows.codes, len(rows.labels), borrowers).tolist()
    return list(accumulate(reversed(counts[1:])))


def largest_groups(borrowers: int, beside: Sequence[int]) -> list[int]:
    """How many of the largest borrowers may be shown together, rising; none of a small package.

    beside: see `ranks_beside`; a size too near to one of those becomes that one.
    """
    wanted = {*LARGEST_COUNTS, *(borrowers * part // 100 for part in LARGEST_PERCENTS)}
    sizes: list[int] = []
    for size in sorted(wanted):
        near = [each for each in beside if abs(each - size) < SMALLEST_CELL]
        shown = max(near, default=size)
        fits = LARGEST_GROUP <= shown <= borrowers - SMALLEST_CELL
        if fits and _is_apart(shown, sizes):
            sizes.append(shown)
    return sorted(sizes)


def curve_ranks(borrowers: int, beside: Sequence[int]) -> list[int]:
    """Numbers of smallest borrowers at which a curve over all of them may have a point.

    The ends, the groups of the largest, and about every percent between.
    """
    groups = largest_groups(borrowers, beside)
    ranks = sorted({0, borrowers, *(borrowers - size for size in groups)})
    cuts = [borrowers - size for size in beside]
    for step in range(1, STEPS):
        rank = round(borrowers * step / STEPS)
        if rank <= borrowers - LARGEST_GROUP and _is_apart(rank, ranks) and _is_apart(rank, cuts):
            ranks.insert(bisect_left(ranks, rank), rank)
    return ranks


def _is_apart(place: int, others: Sequence[int]) -> bool:
    return all(abs(place - each) >= SMALLEST_CELL for each in others)


def grouped_curve(owed: npt.NDArray[np.float64], beside: Sequence[int]) -> dict[str, Any]:
    """Lorenz curve at `curve_ranks`: shares of the borrowers, smallest first, and of the sum."""
    ranks = curve_ranks(len(owed), beside)
    running = running_shares(owed)
    return {
        "borrowers": [rank / (len(owed) or 1) for rank in ranks],
        "shares": [round(each, 6) for each in running[ranks].tolist()],
        "gini": gini(running),
    }


def running_shares(owed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of the sum that the 0, 1, … smallest borrowers owe together."""
    return np.concatenate([[0.0], np.cumsum(np.sort(owed))]) / (owed.sum() or 1.0)


def gini(running: npt.NDArray[np.float64]) -> float:
    """Gini index of `running_shares`."""
    area = float(((running[1:] + running[:-1]) / 2).mean())
    return round(max(0.0, 1 - 2 * area), 4)
