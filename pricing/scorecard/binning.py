"""Columns into bins whose weight of evidence rises or falls throughout."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import isotonic_regression

from pricing.canonical import FloatArray, IntArray

HALF = 0.5  # added to both classes of a bin: no bin of one class has infinite evidence


@dataclass(frozen=True)
class BinRules:
    """least_share, least_count: rows a bin needs; a smaller missing, special or rare bin is kept
    apart but gets no evidence. most_bins: of ordinary values. fine: bins before merging."""

    least_share: float = 0.03
    least_count: int = 50
    most_bins: int = 8
    fine: int = 50

    def least(self, rows: int) -> float:
        """Rows a bin needs in a sample of so many."""
        return max(self.least_count, self.least_share * rows)


def evidence(ones: FloatArray, zeros: FloatArray, totals: tuple[float, float]) -> FloatArray:
    """Weight of evidence per bin: ln of (share of payers / share of the others)."""
    all_ones, all_zeros = totals
    return np.asarray(
        np.log((ones + HALF) / (all_ones + HALF)) - np.log((zeros + HALF) / (all_zeros + HALF)),
        dtype=np.float64,
    )


def information(ones: FloatArray, zeros: FloatArray) -> float:
    """Information value: sum of (share of payers - share of others) x evidence."""
    totals = float(ones.sum()), float(zeros.sum())
    gap = ones / max(totals[0], 1) - zeros / max(totals[1], 1)
    return float(gap @ evidence(ones, zeros, totals))


def monotone_edges(values: FloatArray, y: FloatArray, rules: BinRules, rows: int) -> FloatArray:
    """Inner edges of ordinary values, (bins - 1,): value <= edge belongs to the bin on the left.

    Fine quantile bins, pooled by isotonic regression in the direction that fits better, then
    merged with the neighbour of nearest rate until each has enough rows; every merge of
    neighbours keeps the order. Empty = one bin. rows: size of the whole sample.
    """
    cuts = np.unique(np.quantile(values, np.arange(1, rules.fine) / rules.fine, method="lower"))
    cuts = cuts[cuts < values.max()]
    place = np.searchsorted(cuts, values, side="left")
    count = np.bincount(place, minlength=len(cuts) + 1).astype(np.float64)
    paid = np.bincount(place, y, minlength=len(cuts) + 1).astype(np.float64)
    block = _pooled(paid, count)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    paid, count = np.add.reduceat(paid, starts), np.add.reduceat(count, starts)
    last = np.flatnonzero(np.diff(block))  # the fine bin that ends each pooled one but the last
    kept = _merged(paid, count, rules, rows)
    return np.asarray(cuts[last[kept]], dtype=np.float64)


def _pooled(paid: FloatArray, count: FloatArray) -> IntArray:
    """Block of each fine bin after pooling adjacent violators, the better of both directions."""
    rate = paid / count
    fits = [isotonic_regression(rate, weights=count, increasing=up) for up in (True, False)]
    losses = [float(count @ (rate - fit.x) ** 2) for fit in fits]
    best = fits[int(np.argmin(losses))]
    return np.repeat(np.arange(len(best.blocks) - 1), np.diff(best.blocks))


def _merged(paid: FloatArray, count: FloatArray, rules: BinRules, rows: int) -> list[int]:
    """Indices of the bin borders that stay, of len(paid) - 1."""
    borders = list(range(len(paid) - 1))
    ones, size = list(paid), list(count)
    while borders:
        small = int(np.argmin(size))
        if size[small] < rules.least(rows):
            sides = [side for side in (small - 1, small) if 0 <= side < len(borders)]
            gone = min(sides, key=lambda side: _gap(ones, size, side))
        elif len(size) > rules.most_bins:
            gone = min(range(len(borders)), key=lambda side: _gap(ones, size, side))
        else:
            break
        del borders[gone]
        ones[gone] += ones.pop(gone + 1)
        size[gone] += size.pop(gone + 1)
    return borders


def _gap(ones: Sequence[float], size: Sequence[float], border: int) -> float:
    """Distance of the log-odds on both sides of a border."""
    left, right = (
        special.logit((ones[side] + HALF) / (size[side] + 2 * HALF))
        for side in (border, border + 1)
    )
    return float(abs(left - right))


def common_levels(levels: Sequence[str], rules: BinRules) -> tuple[str, ...]:
    """Levels with enough rows, sorted; the others share one bin and are never spelled out."""
    names, count = np.unique(np.asarray(levels, dtype=np.str_), return_counts=True)
    return tuple(str(name) for name in names[count >= rules.least(len(levels))])
