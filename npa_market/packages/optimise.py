"""Which loans to take for a target under limits: linear relaxation, rounding, repair. Pure.

An item is a borrower with all loans of the pool (or one loan, where borrowers may be divided).
    maximise value·x  subject to  A x <= b,  0 <= x <= 1, x whole
with one row for the target from above, one from below, and one per concentration limit
(claim of the class - share · claim of all <= 0). By weak duality every set of row prices p >= 0
gives a bound,
    bound(p) = p·b + sum over items of max(0, value - p·a),
so the bound is computed from the prices alone and does not hang on the solver's tolerances.
A relaxed solution has at most as many divided
items as rows; they are left out, broken rows repaired, and room that is left is filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
MANY_ITEMS = 20_000  # from here on the interior point method is the faster one
SAMPLE = 6_000  # items on which limits are tried out, to say which ones conflict
MISSING = 1e3  # cost of missing the target by one mean item, in mean values
REPAIR_STEPS = 4_000


@dataclass(frozen=True)
class Limit:
    """At most `share` (0..1) of the picked claim may be of the class `member`, (loans,)."""

    words: str
    member: Flags
    share: float


@dataclass(frozen=True)
class Target:
    """The sum of `measure`, (loans,), shall come to `amount`, `slack` (0..1) below at the most."""

    words: str
    measure: Numbers
    amount: float
    slack: float = 0.01


@dataclass(frozen=True)
class Pool:
    """Loans to pick from. item: number of the borrower (or of the loan), (loans,), from 0.

    claim, value: (loans,); claim weighs the limits, the sum of value is made as large as possible.
    """

    item: Integers
    claim: Numbers
    value: Numbers


@dataclass(frozen=True)
class Pick:
    """Chosen loans, (loans,), their value, and the bound that no choice can exceed."""

    chosen: Flags
    value: float
    bound: float
    reached: float

    @property
    def gap(self) -> float:
        """How far the value is from the bound at most, 0..1 of the bound."""
        return max(0.0, 1 - self.value / self.bound) if self.bound > 0 else 0.0


@dataclass(frozen=True)
class Conflict:
    """The target cannot be reached: how far one comes, and limits whose absence would help.

    alone: limits of which each one, left out alone, lets the target be reached. together: the
    limits that hold it back, where no single one is enough.
    """

    reach: float
    alone: tuple[str, ...]
    together: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """A x <= b over items, rows scaled to coefficients of about 1."""

    matrix: Numbers
    right: Numbers
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Relaxed:
    x: Numbers
    prices: Numbers
    bound: float


def pick(pool: Pool, target: Target, limits: Sequence[Limit]) -> Pick | Conflict:
    """Loans of the largest value that reach the target and keep every limit.

    Raises ValueError where arrays differ in length, a share is outside of 0..1, or the target is
    not above 0.
    """
    _check(pool, target, limits)
    items = int(pool.item.max()) + 1 if len(pool.item) else 0
    measure = _per_item(pool.item, target.measure, items)
    fair = _rows(pool, limits, items)
    value = _per_item(pool.item, pool.value, items)
    rows = _with_target(fair, measure, target, has_floor=True)
    relaxed = _relax(value, rows)
    if float(relaxed.x @ measure) < _floor_of(target):
        capped = _with_target(fair, measure, target, has_floor=False)
        return _conflict(pool, target, limits, _relax(measure, capped).bound)
    x = _rounded(value, rows, relaxed)
    chosen = x[pool.item]
    return Pick(
        chosen=chosen,
        value=float(pool.value[chosen].sum()),
        bound=relaxed.bound,
        reached=float(target.measure[chosen].sum()),
    )


def _check(pool: Pool, target: Target, limits: Sequence[Limit]) -> None:
    lengths = {len(pool.item), len(pool.claim), len(pool.value), len(target.measure)}
    lengths |= {len(limit.member) for limit in limits}
    if len(lengths) > 1:
        raise ValueError(f"arrays of different lengths: {sorted(lengths)}")
    if not target.amount > 0 or not 0 <= target.slack < 1:
        raise ValueError(f"need a target above 0 and slack in 0..1: {target.amount}")
    if any(not 0 <= limit.share <= 1 for limit in limits):
        raise ValueError("a limit is a share of 0 to 1")


def _per_item(item: Integers, values: Numbers, items: int) -> Numbers:
    return np.bincount(item, weights=values, minlength=items).astype(np.float64)


def _rows(pool: Pool, limits: Sequence[Limit], items: int) -> _Rows:
    """One row per limit: claim of the class - share · claim <= 0."""
    claim = _per_item(pool.item, pool.claim, items)
    scale = float(claim.mean()) if items else 1.0
    lines = [
        (_per_item(pool.item, np.where(limit.member, pool.claim, 0.0), items) - limit.share * claim)
        / (scale or 1.0)
        for limit in limits
    ]
    matrix = np.array(lines) if lines else np.zeros((0, items))
    return _Rows(matrix, np.zeros(len(lines)), tuple(limit.words for limit in limits))


def _with_target(rows: _Rows, measure: Numbers, target: Target, *, has_floor: bool) -> _Rows:
    scale = float(measure.mean()) if len(measure) and measure.any() else 1.0
    line, most = measure / scale, target.amount / scale
    matrix, right = [rows.matrix, line[None]], [rows.right, np.array([most])]
    names = (*rows.names, target.words)
    if has_floor:
        matrix.append(-line[None])
        right.append(np.array([-most * (1 - target.slack)]))
        names = (*names, f"{target.words}, at least")
    return _Rows(np.concatenate(matrix), np.concatenate(right), names)


def _relax(value: Numbers, rows: _Rows) -> _Relaxed:
    """The relaxation by HiGHS; a row from below may be missed at a high cost, so that there is
    always a solution: nothing picked keeps every other row.

    The bound is computed anew from the row prices, so it does not hang on the solver's tolerances.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csc_array, hstack, identity

    count, items = rows.matrix.shape
    if not items:
        return _Relaxed(np.zeros(0), np.zeros(count), 0.0)
    scale = float(np.abs(value).mean()) or 1.0
    worth = value / scale
    missed = -identity(count, format="csc")[:, rows.right < 0]
    spare = missed.shape[1]
    program = {
        "c": np.concatenate([-worth, np.full(spare, MISSING)]),
        "A_ub": hstack([csc_array(rows.matrix), missed], format="csc"),
        "b_ub": rows.right,
        "bounds": np.array([[0.0, 1.0]] * items + [[0.0, np.inf]] * spare),
    }
    found = linprog(**program, method="highs-ipm" if items > MANY_ITEMS else "highs-ds")
    if found.status != 0:  # The interior point method takes a target far out of reach amiss.
        found = linprog(**program, method="highs-ds")
    if found.status != 0:
        raise RuntimeError(f"the linear solver gave up: {found.message}")
    prices = np.maximum(-found.ineqlin.marginals, 0.0)
    reduced = worth - prices @ rows.matrix
    bound = float(prices @ rows.right + np.maximum(reduced, 0.0).sum())
    return _Relaxed(found.x[:items], prices, bound * scale)


def _rounded(value: Numbers, rows: _Rows, relaxed: _Relaxed) -> Flags:
    """Whole items: divided ones left out, broken rows repaired, what still fits filled in."""
    x = relaxed.x > 1 - 1e-6
    used, margin = rows.matrix[:, x].sum(axis=1), _margin(rows)
    scaled = value / (float(np.abs(value).mean()) or 1.0) if len(value) else value
    reduced = scaled - relaxed.prices @ rows.matrix
    used = _repair(x, used, rows, (reduced, margin))
    _fill(x, used, rows, (reduced, margin))
    return x


def _repair(x: Flags, used: Numbers, rows: _Rows, facts: tuple[Numbers, Numbers]) -> Numbers:
    """While rows are broken, turn the item that mends most of all excess at the least cost.

    The excess falls with every step, so it ends; nothing picked at all is the last resort.
    """
    reduced, margin = facts
    for _ in range(REPAIR_STEPS):
        excess = np.where(rows.right < 0, -np.inf, used - rows.right + margin)
        total = float(np.maximum(excess, 0.0).sum())
        if total <= 0:
            return used
        after = np.zeros(len(x))
        for row in np.flatnonzero(np.isfinite(excess)).tolist():
            # Leaving out an item changes the row by -a, taking one in by +a.
            change = np.where(x, -rows.matrix[row], rows.matrix[row])
            after += np.maximum(excess[row] + change, 0.0)
        gain = total - after
        cost = np.maximum(np.where(x, reduced, -reduced), 0.0) + 1e-6
        helps = gain > 1e-12 * max(1.0, total)
        if not helps.any():
            break
        turned = int(np.argmin(np.where(helps, cost / np.maximum(gain, 1e-300), np.inf)))
        x[turned] = not x[turned]
        used = rows.matrix[:, x].sum(axis=1)  # Anew: steps would pile up rounding errors.
    x[:] = False
    return np.zeros(len(used))


def _margin(rows: _Rows) -> Numbers:
    """Kept free in every limit, so that it holds in whole numbers too, rounding errors or not.

    The target may be met exactly: sums of whole numbers are told apart far above 1e-12.
    """
    kept = 1e-10 * np.maximum(1.0, np.abs(rows.matrix).sum(axis=1))
    return np.where(rows.right > 0, -1e-12 * rows.right, kept)


def _fill(x: Flags, used: Numbers, rows: _Rows, facts: tuple[Numbers, Numbers]) -> None:
    """Take in items that still fit, the dearest first by value less the prices of what they use."""
    reduced, margin = facts
    rest = np.flatnonzero(~x)
    near = rest[np.argsort(-reduced[rest], kind="stable")[: 3 * REPAIR_STEPS]]
    for place in near.tolist():
        after = used + rows.matrix[:, place]
        if (after + margin <= np.maximum(rows.right, used + margin)).all():
            x[place] = True
            used = after


def _conflict(pool: Pool, target: Target, limits: Sequence[Limit], reach: float) -> Conflict:
    """Leave limits out, one after the other, and see how far a sample of the pool comes."""
    part = _sample(pool, target, limits)
    alone = [
        limit.words for limit in limits if part.is_reached([e for e in limits if e is not limit])
    ]
    together: list[Limit] = []
    if not alone and part.is_reached([]):  # Else the pool itself is too small: no limit's fault.
        together = list(limits)
        for limit in limits:
            fewer = [each for each in together if each is not limit]
            if not part.is_reached(fewer):
                together = fewer
    return Conflict(reach, tuple(alone), tuple(limit.words for limit in together))


@dataclass(frozen=True)
class _Sample:
    """Some items of the pool with their loans, and the target shrunk alike."""

    pool: Pool
    target: Target
    kept: Flags

    def is_reached(self, limits: Sequence[Limit]) -> bool:
        """Can the target be reached under these limits?"""
        here = [Limit(each.words, each.member[self.kept], each.share) for each in limits]
        items = int(self.pool.item.max()) + 1
        measure = _per_item(self.pool.item, self.target.measure, items)
        rows = _with_target(_rows(self.pool, here, items), measure, self.target, has_floor=False)
        return _relax(measure, rows).bound >= _floor_of(self.target)


def _sample(pool: Pool, target: Target, limits: Sequence[Limit]) -> _Sample:
    items = int(pool.item.max()) + 1
    step = max(1, items // SAMPLE)
    kept = pool.item % step == 0
    inner = Pool(pool.item[kept] // step, pool.claim[kept], pool.value[kept])
    whole = float(target.measure.sum()) or 1.0
    amount = target.amount * float(target.measure[kept].sum()) / whole
    return _Sample(inner, Target(target.words, target.measure[kept], amount, target.slack), kept)


def _floor_of(target: Target) -> float:
    return target.amount * (1 - target.slack) * (1 - 1e-6)
