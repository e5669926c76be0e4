"""The brute force again, from event to event: each loan of each path jumps to its next payment.

The same law as `reference.brute_force`, which steps every loan through every month, at a tenth of
its cost, so that a check can afford the paths its limits need. It shares no recursion, count,
node or cap ratio with the engines either.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pricing.canonical import FloatArray, IntArray
from pricing.factors import FactorBlock
from pricing.plan import Plan
from pricing.portfolio import OwnOdds
from pricing.reference import uncapped_tickets

AT_ONCE = 1 << 19  # loans x paths in one sweep: its arrays stay in the cache
MOST_CLOCKS = 1 << 21  # numbers in the clocks of a sweep


@dataclass(frozen=True)
class _Runs:
    """Loans of paths that pay in `month` (-1 = paying at the cut-off, nothing due yet); room:
    what is left of each claim. All (runs,)."""

    path: IntArray
    loan: IntArray
    month: IntArray
    room: FloatArray

    def take(self, which: IntArray) -> "_Runs":
        """Some of the runs."""
        return _Runs(self.path[which], self.loan[which], self.month[which], self.room[which])


@dataclass(frozen=True)
class _Clock:
    """When a dormant loan pays next. A loan asks to pay at a Poisson rate of its odds x, which is
    never less than its chance x / (1 + x) per month; a month in which it asked counts with the
    chance left over.

    axis: odds of a kind of loan, added up over the months, for each (path, kind), laid end to end
    so that one binary search serves every loan: rows x (T + 1), rising. totals: (rows,). odds:
    (rows x T,). level: (paths, segments). segment: of each loan.
    """

    own: OwnOdds
    level: FloatArray
    segment: IntArray
    axis: FloatArray
    totals: FloatArray
    odds: FloatArray
    months: int

    @property
    def paths(self) -> int:
        return len(self.level)

    def asks(self, rng: np.random.Generator) -> tuple[IntArray, IntArray, FloatArray]:
        """Path and loan of all that ask within the horizon, and the waiting time of each in units
        of its kind's odds."""
        wait = rng.standard_exponential((self.paths, len(self.segment)))
        wait /= self.level[:, self.segment] * self.own.factor
        path, loan = np.nonzero(wait < self.totals.reshape(self.paths, -1)[:, self.own.kind])
        return path, loan, wait[path, loan]

    def waits(self, at: _Runs, rng: np.random.Generator) -> FloatArray:
        """Time until each dormant loan asks, in units of its kind's odds."""
        drawn = rng.standard_exponential(len(at.loan))
        return np.asarray(drawn / self._factor(at), dtype=np.float64)

    def next_start(self, at: _Runs, wait: FloatArray, rng: np.random.Generator) -> IntArray:
        """First month index, from `at.month` on, in which each dormant loan pays; T = never.
        wait: until it first asks, in units of its kind's odds."""
        found = np.full(len(wait), self.months)
        row = at.path * len(self.own.by_kind) + self.own.kind[at.loan]
        factor = self._factor(at)
        after, going = at.month, np.arange(len(wait))
        while len(going):
            month = self._asked(row[going], after, wait)
            here = month < self.months
            going, month = going[here], month[here]
            odds = self.odds[row[going] * self.months + month] * factor[going]
            pays = rng.random(len(going)) * -np.expm1(-odds) < odds / (1 + odds)
            found[going[pays]] = month[pays]
            going, after = going[~pays], month[~pays] + 1
            wait = rng.standard_exponential(len(going)) / factor[going]
        return found

    def _factor(self, at: _Runs) -> FloatArray:
        level = self.level[at.path, self.segment[at.loan]]
        return np.asarray(self.own.factor[at.loan] * level, dtype=np.float64)

    def _asked(self, row: IntArray, after: IntArray, wait: FloatArray) -> IntArray:
        column = self.months + 1
        begin = self.axis[row * column + after]
        end = self.axis[row * column + self.months]
        place = np.searchsorted(self.axis, begin + wait, side="left") - row * column - 1
        return np.where(begin + wait > end, self.months, place).astype(np.int64)


def brute_force_by_event(plan: Plan, factors: FactorBlock, rng: np.random.Generator) -> FloatArray:
    """Net cash of the pool, one row per path of `factors`, (paths, T), major units."""
    own, paths = plan.portfolio.own_odds(), len(factors.ticket)
    clocks = MOST_CLOCKS // (own.by_kind.size + len(own.by_kind))
    step = max(1, min(AT_ONCE // len(plan.portfolio.balance), clocks))
    parts = [
        _sweep(plan, own, factors.rows(first, first + step), rng) for first in range(0, paths, step)
    ]
    return np.concatenate(parts)


def _clock(plan: Plan, own: OwnOdds, factors: FactorBlock) -> _Clock:
    paths, (kinds, months) = len(factors.ticket), own.by_kind.shape
    odds = (factors.macro[:, None, :] * own.by_kind).reshape(-1, months)
    total = np.zeros((paths * kinds, months + 1))
    np.cumsum(odds, axis=1, out=total[:, 1:])
    totals = total[:, -1].copy()
    total += (float(totals.max()) + 1.0) * np.arange(len(total))[:, None]
    segment = plan.portfolio.segment
    return _Clock(own, factors.level, segment, total.ravel(), totals, odds.ravel(), months)


def _sweep(plan: Plan, own: OwnOdds, factors: FactorBlock, rng: np.random.Generator) -> FloatArray:
    paths, months = len(factors.ticket), plan.terms.horizon_months
    net = np.zeros(paths * months)
    closings = np.zeros(paths * months)
    for paid in _payments(plan, _clock(plan, own, factors), factors.ticket, rng):
        place = paid.runs.path * months + paid.runs.month
        segment = plan.portfolio.segment[paid.runs.loan]
        kept = paid.amount * (1 - plan.costs.fee_share[segment])
        net += np.bincount(place, kept, minlength=len(net))
        if paid.is_lump:
            closings += np.bincount(place, plan.costs.work[segment], minlength=len(net))
    work = float(plan.costs.work[plan.portfolio.segment].sum())
    net = net.reshape(paths, months) - work
    net += np.cumsum(closings.reshape(paths, months), axis=1)
    net[:, 0] -= plan.portfolio.case_cost.sum()
    return net


@dataclass(frozen=True)
class _Payments:
    """Payments of runs at the same step, under the cap: (runs,) amount; is_lump: they close."""

    runs: _Runs
    amount: FloatArray
    is_lump: bool


def _payments(
    plan: Plan, clock: _Clock, ticket_factor: FloatArray, rng: np.random.Generator
) -> Iterator[_Payments]:
    """Payments of every loan in its own order."""
    chain = plan.chain
    instalment, lump = uncapped_tickets(plan)
    balance, segment_of = plan.portfolio.balance, plan.portfolio.segment

    def pay(runs: _Runs, ticket: FloatArray) -> FloatArray:
        mean, shape = ticket[runs.loan].T
        size = balance[runs.loan] * rng.standard_gamma(shape) * mean / shape
        capped = np.minimum(size * ticket_factor[runs.path], runs.room)
        return np.asarray(capped, dtype=np.float64)

    runs = _first_payments(plan, clock, rng)
    while len(runs.loan):
        amount = pay(runs, instalment)
        amount[runs.month < 0] = 0.0
        due = np.flatnonzero(runs.month >= 0)
        yield _Payments(runs.take(due), amount[due], is_lump=False)
        runs = replace(runs, month=runs.month + 1, room=runs.room - amount)
        runs = runs.take(np.flatnonzero(runs.month < clock.months))
        segment, draw = segment_of[runs.loan], rng.random(len(runs.loan))
        settle, keep = chain.settle[segment], chain.keep[segment]
        closing = runs.take(np.flatnonzero(draw < settle))
        yield _Payments(closing, pay(closing, lump), is_lump=True)
        falls = np.flatnonzero(draw >= settle + keep)
        dormant = runs.take(falls)
        dormant = replace(dormant, month=dormant.month + 1)
        runs.month[falls] = clock.next_start(dormant, clock.waits(dormant, rng), rng)
        runs = runs.take(np.flatnonzero((draw >= settle) & (runs.month < clock.months)))


def _first_payments(plan: Plan, clock: _Clock, rng: np.random.Generator) -> _Runs:
    """The first payment of every loan and path that pays."""
    portfolio = plan.portfolio
    path, loan, wait = clock.asks(rng)
    left = portfolio.balance * portfolio.room
    fresh = _Runs(path, loan, np.zeros_like(path), left[loan])
    month = clock.next_start(fresh, wait, rng)
    maybe = np.flatnonzero(portfolio.scores.payers > 0)
    if len(maybe):
        running = np.zeros((clock.paths, len(portfolio.balance)), np.bool_)
        draw = rng.random((clock.paths, len(maybe)))
        running[:, maybe] = draw < portfolio.scores.payers[maybe]
        later = ~running[path, loan]
        now_path, now_loan = np.nonzero(running)
        path = np.concatenate([path[later], now_path])
        loan = np.concatenate([loan[later], now_loan])
        month = np.concatenate([month[later], np.full(len(now_path), -1)])
    pays = np.flatnonzero(month < clock.months)
    return _Runs(path, loan, month, left[loan]).take(pays)
