"""Loans into segments that behave alike: product x channel x age x score x balance, merged."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pricing.canonical import FloatArray, IntArray

AGE_EDGES = (7, 13, 25, 37, 61)  # months: 0-6, 7-12, 13-24, 25-36, 37-60, more
AGE_NAMES = ("0-6", "7-12", "13-24", "25-36", "37-60", "60+")
SCORE_EDGES = (-0.75, -0.25, 0.25, 0.75)  # log-odds
SMALL_POOL = 64  # up to here every loan is its own segment: exact, and still quick
GIANT_SHARE = 0.05  # of face: such a loan is never averaged with others
LEAST_PAYERS = 5.0  # expected payers below which a segment is merged
MOST_SEGMENTS = 40


@dataclass(frozen=True)
class Traits:
    """What segmentation looks at, all (loans,): family = product x channel code, age in months,
    score in log-odds, paying = share already paying, expected = chance to pay at all."""

    family: IntArray
    age: IntArray
    score: FloatArray
    paying: FloatArray
    balance: FloatArray
    expected: FloatArray


def segments_of(traits: Traits) -> IntArray:
    """Segment of each loan, (loans,), numbered from 0 without gaps."""
    size = len(traits.balance)
    if size <= SMALL_POOL:
        return np.arange(size)
    least = max(LEAST_PAYERS, float(traits.expected.sum()) / MOST_SEGMENTS)
    giant = traits.balance > GIANT_SHARE * traits.balance.sum()
    keys = _keys(traits)
    segment = np.empty(size, np.int64)
    leaves = [np.array([loan]) for loan in np.flatnonzero(giant)]
    for family in np.unique(traits.family[~giant]):
        members = np.flatnonzero((traits.family == family) & ~giant)
        leaves += _split(members, keys, traits.expected, least)
    for number, members in enumerate(leaves):
        segment[members] = number
    return segment


def _keys(traits: Traits) -> list[IntArray]:
    """Split criteria, the one that changes payments most first."""
    thirds = np.quantile(traits.balance, (1 / 3, 2 / 3))
    return [
        (traits.paying > 0).astype(np.int64),
        np.digitize(traits.age, AGE_EDGES),
        np.digitize(traits.score, SCORE_EDGES),
        np.searchsorted(thirds, traits.balance, side="left"),
    ]


def _split(
    members: IntArray, keys: list[IntArray], expected: FloatArray, least: float
) -> list[IntArray]:
    """Split by the first key into runs of neighbouring values with enough payers, then go on."""
    if not keys or expected[members].sum() < 2 * least:
        return [members]
    value = keys[0][members]
    weight = np.bincount(value, weights=expected[members]).astype(np.float64)
    leaves = []
    for low, high in _runs(weight, least):
        part = members[(value >= low) & (value < high)]
        leaves += _split(part, keys[1:], expected, least)
    return leaves


def _runs(weight: FloatArray, least: float) -> list[tuple[int, int]]:
    """Neighbouring values joined until a run weighs at least `least`; the rest joins the last."""
    edges, total = [0], 0.0
    for value, part in enumerate(weight):
        total += float(part)
        if total >= least:
            edges.append(value + 1)
            total = 0.0
    if len(edges) == 1:
        edges.append(len(weight))
    edges[-1] = len(weight)
    return list(pairwise(edges))
