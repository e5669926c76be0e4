"""One pool into k comparable packages: strata dealt out, sums kept level, borrowers whole. Pure.

Borrowers are taken stratum by stratum, the largest first; each goes to the package where the sums
of claim, number of loans and value stay most level. So every package gets its part of each stratum,
and the many small borrowers level out what the few large ones upset; some moves at the end level
what is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
MAX_PARTS = 20
MOVES = 400


@dataclass(frozen=True)
class Balance:
    """How comparable the parts are.

    spread: per measure, (largest - smallest) / mean over the parts. distance: per class column,
    the largest total variation distance, 0..1, of a part's claim by class from the pool's.
    """

    spread: dict[str, float]
    distance: dict[str, float]


def split(
    borrower: Integers, stratum: Integers, measures: Mapping[str, Numbers], parts: int
) -> Integers:
    """Number of the part of each loan, (loans,), 0 to parts - 1.

    borrower, stratum: codes from 0, (loans,); the stratum of a borrower is that of the largest
    loan. measures: (loans,) each, not negative; the first one orders. Raises ValueError where
    there are fewer borrowers than parts.
    """
    people = int(borrower.max()) + 1 if len(borrower) else 0
    if not 2 <= parts <= MAX_PARTS:
        raise ValueError(f"2 to {MAX_PARTS} parts: {parts}")
    if people < parts:
        raise ValueError(f"{people} borrowers cannot make {parts} parts")
    sums = np.array(
        [np.bincount(borrower, weights=each, minlength=people) for each in measures.values()]
    )
    first = next(iter(measures.values()))
    leading = np.lexsort((first, borrower))  # The last loan of each borrower is the largest.
    of_person = np.zeros(people, dtype=np.int64)
    of_person[borrower[leading]] = stratum[leading]
    means = sums.sum(axis=1, keepdims=True)
    shares = np.divide(sums, means, out=np.zeros_like(sums), where=means > 0)
    order = np.lexsort((-sums[0], of_person))
    part_of = np.zeros(people, dtype=np.int64)
    filled = [[0.0] * parts for _ in range(len(shares))]
    columns = shares[:, order].tolist()
    for place, person in enumerate(order.tolist()):
        weights = [column[place] for column in columns]
        # The sum of squared fillings grows least where the product is smallest.
        growth = [
            sum(row[part] * weight for row, weight in zip(filled, weights, strict=True))
            for part in range(parts)
        ]
        part = growth.index(min(growth))
        part_of[person] = part
        for row, weight in zip(filled, weights, strict=True):
            row[part] += weight
    _level(part_of, shares, np.array(filled))
    return part_of[borrower]


def _level(part_of: Integers, shares: Numbers, filled: Numbers) -> None:
    """Move borrowers from a fuller part to an emptier one while that brings all sums closer."""
    for _ in range(MOVES):
        means = filled.mean(axis=1, keepdims=True)
        excess = ((filled - means) / np.maximum(means, 1e-12)).sum(axis=0)
        giver, taker = int(excess.argmax()), int(excess.argmin())
        people = np.flatnonzero(part_of == giver)
        difference = filled[:, [giver]] - filled[:, [taker]]
        moved = shares[:, people]
        change = (2 * moved * (moved - difference)).sum(axis=0)  # of the sum of squares
        best = int(change.argmin()) if len(people) > 1 else -1
        if best < 0 or change[best] >= 0:
            return
        part_of[people[best]] = taker
        filled[:, giver] -= moved[:, best]
        filled[:, taker] += moved[:, best]


def balance_of(
    part: Integers, measures: Mapping[str, Numbers], classes: Mapping[str, Integers], parts: int
) -> Balance:
    """How level the parts are. classes: codes from 0 by name, (loans,)."""
    spread = {}
    for name, values in measures.items():
        sums = np.bincount(part, weights=values, minlength=parts)
        mean = float(sums.mean())
        spread[name] = float(sums.max() - sums.min()) / mean if mean else 0.0
    weight = next(iter(measures.values()))
    distance = {name: _distance(part, codes, weight, parts) for name, codes in classes.items()}
    return Balance(spread, distance)


def _distance(part: Integers, codes: Integers, weight: Numbers, parts: int) -> float:
    width = int(codes.max()) + 1 if len(codes) else 1
    table = np.bincount(part * width + codes, weights=weight, minlength=parts * width)
    table = table.reshape(parts, width)
    whole = table.sum(axis=0) / (table.sum() or 1.0)
    each = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12)
    return float(np.abs(each - whole).sum(axis=1).max() / 2)
