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
from pricing.reference import uncapped_tickets

AT_ONCE = 1 << 19  # loans x paths in one sweep: its arrays stay in the cache


@dataclass(frozen=True)
class _Clock:
    """When a dormant loan pays next: cumulative hazard of each (path, segment), laid end to end
    on one axis so that one binary search serves every loan. axis: rows x (T + 1), rising. totals:
    hazard of a row over all months."""

    axis: FloatArray
    totals: FloatArray
    months: int

    def next_start(self, row: IntArray, after: IntArray, wait: FloatArray) -> IntArray:
        """First month index, from `after` on, whose hazard exhausts `wait`; T = never."""
        column = self.months + 1
        begin = self.axis[row * column + after]
        end = self.axis[row * column + self.months]
        place = np.searchsorted(self.axis, begin + wait, side="left") - row * column - 1
        return np.where(begin + wait > end, self.months, place).astype(np.int64)


def brute_force_by_event(plan: Plan, factors: FactorBlock, rng: np.random.Generator) -> FloatArray:
    """Net cash of the pool, one row per path of `factors`, (paths, T), major units."""
    paths = len(factors.ticket)
    step = max(1, AT_ONCE // len(plan.portfolio.balance))
    parts = [
        _sweep(plan, factors.rows(first, first + step), rng) for first in range(0, paths, step)
    ]
    return np.concatenate(parts)


def _clock(plan: Plan, factors: FactorBlock) -> _Clock:
    odds = factors.level[:, :, None] * plan.chain.odds * factors.macro[:, None, :]
    hazard = np.log1p(odds)  # -log(1 - p) where p = odds / (1 + odds)
    paths, segments, months = odds.shape
    total = np.zeros((paths * segments, months + 1))
    np.cumsum(hazard.reshape(-1, months), axis=1, out=total[:, 1:])
    totals = total[:, -1].copy()
    total += (float(totals.max()) + 1.0) * np.arange(len(total))[:, None]
    return _Clock(total.ravel(), totals, months)


def _sweep(plan: Plan, factors: FactorBlock, rng: np.random.Generator) -> FloatArray:
    paths, months = len(factors.ticket), plan.chain.odds.shape[1]
    net = np.zeros(paths * months)
    closings = np.zeros(paths * months)
    for paid in _payments(plan, factors, rng):
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
class _Payments:
    """Payments of runs at the same step, under the cap: (runs,) amount; is_lump: they close."""

    runs: _Runs
    amount: FloatArray
    is_lump: bool


def _payments(plan: Plan, factors: FactorBlock, rng: np.random.Generator) -> Iterator[_Payments]:
    """Payments of every loan in its own order."""
    chain, clock = plan.chain, _clock(plan, factors)
    instalment, lump = uncapped_tickets(plan)
    balance, segment_of = plan.portfolio.balance, plan.portfolio.segment

    def pay(runs: _Runs, ticket: FloatArray) -> FloatArray:
        mean, shape = ticket[runs.loan].T
        size = balance[runs.loan] * rng.standard_gamma(shape) * mean / shape
        capped = np.minimum(size * factors.ticket[runs.path], runs.room)
        return np.asarray(capped, dtype=np.float64)

    runs = _first_payments(plan, clock, len(factors.ticket), rng)
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
        row = runs.path[falls] * plan.portfolio.segments + segment[falls]
        wait = rng.standard_exponential(len(falls))
        runs.month[falls] = clock.next_start(row, runs.month[falls] + 1, wait)
        runs = runs.take(np.flatnonzero((draw >= settle) & (runs.month < clock.months)))


def _first_payments(plan: Plan, clock: _Clock, paths: int, rng: np.random.Generator) -> _Runs:
    """The first payment of every loan and path that pays."""
    segment = plan.portfolio.segment
    payers = plan.chain.payers[segment]
    wait = rng.standard_exponential((paths, len(segment)))
    total = clock.totals.reshape(paths, -1)
    path, loan = np.nonzero(wait < total[:, segment])
    month = clock.next_start(
        path * total.shape[1] + segment[loan], np.zeros_like(path), wait[path, loan]
    )
    maybe = np.flatnonzero(payers > 0)
    if len(maybe):
        running = np.zeros(wait.shape, np.bool_)
        running[:, maybe] = rng.random((paths, len(maybe))) < payers[maybe]
        later = ~running[path, loan]
        now_path, now_loan = np.nonzero(running)
        path = np.concatenate([path[later], now_path])
        loan = np.concatenate([loan[later], now_loan])
        month = np.concatenate([month[later], np.full(len(now_path), -1)])
    return _Runs(path, loan, month, plan.portfolio.balance[loan])
