"""What the claim leaves of a ticket: nobody pays more than he owes."""

from dataclasses import replace

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import gammainc

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.factors import FactorBlock
from pricing.moments import Chain, unit_moments
from pricing.returns import discount_factors

UNIT_LOANS = 40_000
UNIT_SEED = 20_000  # fixed: the capped ticket belongs to the model, not to a run
NO_WEIGHT = 1e-9
SPREAD_LIMITS = 1e-3, 2.0


def capped(chain: Chain, product: IntArray, balance: FloatArray, annual_rate: float) -> Chain:
    """The chain with tickets cut at the claim.

    One unit run per product: loans of balance 1 at the product's balance-weighted odds. Means by
    month become E[min(ticket, room left)], non-increasing in time (pool adjacent violators), since
    what has been paid only grows. The Gamma shape is then set so that the second moment of a
    loan's discounted receipts is that of the unit run: payments of one loan compete for its room.
    """
    instalment, lump = chain.instalment.copy(), chain.lump.copy()
    for code in np.unique(product):
        rows = np.flatnonzero(product == code)
        weight = balance[rows] / balance[rows].sum()
        odds, payers = (weight @ values[rows] for values in (chain.odds, chain.payers))
        unit = Chain(
            odds=odds[None, :],
            payers=np.array([payers]),
            keep=chain.keep[rows[:1]],
            settle=chain.settle[rows[:1]],
            instalment=chain.instalment[rows[:1]],
            lump=chain.lump[rows[:1]],
        )
        cut = _cut(unit, annual_rate)
        instalment[rows], lump[rows] = cut.instalment, cut.lump
    return replace(chain, instalment=instalment, lump=lump)


def _cut(unit: Chain, annual_rate: float) -> Chain:
    run = _UnitRun(unit, discount_factors(annual_rate, unit.odds.shape[1]))
    run.play()
    free = _second_moment(unit, annual_rate)
    wanted = free * float((run.paid**2).sum()) / max(float((run.asked**2).sum()), 1e-300)
    shorter = _with_means(unit, run.instalment_share, run.lump_share)
    without = _second_moment(_with_spread(shorter, 0.0), annual_rate)
    with_full = _second_moment(shorter, annual_rate)
    spread = (wanted - without) / (with_full - without) if with_full > without else 1.0
    return _with_spread(shorter, float(np.clip(spread, *SPREAD_LIMITS)))


class _UnitRun:
    """Simulated loans of balance 1. paid, asked: discounted receipts per loan with and without
    the cap. instalment_share, lump_share: (T,) mean share of a ticket that fits."""

    def __init__(self, unit: Chain, discount: FloatArray) -> None:
        self.unit, self.discount = unit, discount
        self.rng = np.random.Generator(np.random.Philox(UNIT_SEED))
        self.room = np.ones(UNIT_LOANS)
        self.paid, self.asked = np.zeros(UNIT_LOANS), np.zeros(UNIT_LOANS)

    def play(self) -> None:
        """All months; fits are averaged in closed form over everybody who could pay."""
        unit, rng = self.unit, self.rng
        paying = rng.random(UNIT_LOANS) < unit.payers[0]
        is_open = np.ones(UNIT_LOANS, np.bool_)
        months = unit.odds.shape[1]
        shares, weights = np.ones((2, months)), np.full((2, months), NO_WEIGHT)
        for month, ratio in enumerate(unit.odds[0]):
            draw = rng.random(UNIT_LOANS)
            closed = paying & (draw < unit.settle)
            goes_on = paying & ~closed & (draw < unit.settle + unit.keep)
            starts = is_open & ~paying & (draw < ratio / (1 + ratio))
            may_close, paying = paying, goes_on | starts  # each payer could have closed
            is_open &= ~closed
            for kind, who in enumerate((paying, may_close)):
                ticket = (unit.instalment, unit.lump)[kind][0, month]
                if who.any():
                    shares[kind, month] = _share_that_fits(ticket, self.room[who])
                    weights[kind, month] = who.sum()
            self._pay(paying, unit.instalment[0, month], month)
            self._pay(closed, unit.lump[0, month], month)
        self.instalment_share, self.lump_share = (
            isotonic_regression(share, weights=weight, increasing=False).x
            for share, weight in zip(shares, weights, strict=True)
        )

    def _pay(self, who: BoolArray, ticket: FloatArray, month: int) -> None:
        mean, shape = ticket
        asked = self.rng.standard_gamma(shape, int(who.sum())) * (mean / shape)
        fits = np.minimum(asked, self.room[who])
        self.room[who] -= fits
        self.paid[who] += self.discount[month] * fits
        self.asked[who] += self.discount[month] * asked


def _share_that_fits(ticket: FloatArray, room: FloatArray) -> float:
    """E[min(Gamma, room)] / E[Gamma], closed form, averaged over the rooms."""
    mean, shape = ticket
    at = room * shape / mean
    share = gammainc(shape + 1, at) + room * (1 - gammainc(shape, at)) / mean
    return float(share.mean())


def _with_means(unit: Chain, instalment_share: FloatArray, lump_share: FloatArray) -> Chain:
    instalment, lump = unit.instalment.copy(), unit.lump.copy()
    instalment[0, :, 0] *= instalment_share
    lump[0, :, 0] *= lump_share
    return replace(unit, instalment=instalment, lump=lump)


def _with_spread(unit: Chain, spread: float) -> Chain:
    """The squared coefficient of variation of every ticket times `spread`."""
    divisor = max(spread, 1e-12)
    instalment, lump = unit.instalment.copy(), unit.lump.copy()
    instalment[0, :, 1] /= divisor
    lump[0, :, 1] /= divisor
    return replace(unit, instalment=instalment, lump=lump)


def _second_moment(unit: Chain, annual_rate: float) -> float:
    """E[X^2] of a unit loan's discounted receipts without systematic risk."""
    months = unit.odds.shape[1]
    certain = FactorBlock(np.ones((1, 1)), np.ones((1, months)), np.ones(1))
    return float(unit_moments(unit, certain, np.ones(1), annual_rate)[1, 0, 0])
