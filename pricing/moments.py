"""Engine A: conditional moments of cash; no loan and no count is drawn.

With the factors given, loans are independent, so the r-th cumulant of a pool is the sum over
segments of (sum of balance**r) times the cumulant of a loan of balance 1.
"""

from dataclasses import dataclass

import numpy as np

from pricing.canonical import FloatArray
from pricing.factors import FactorBlock

IN_CACHE = 6_400  # paths x segments whose dozen arrays fit the second-level cache


@dataclass(frozen=True)
class Claim:
    """How the claim holds receipts back by segment, (S,) each: a share 1 / (1 + x) of what is asked
    is paid, x = (fixed + rising * level) * ticket**power.

    A single ticket may exceed the claim (fixed), and the payments of one loan compete for its
    room, the more of them the higher the level is (rising).
    """

    fixed: FloatArray
    rising: FloatArray
    power: FloatArray

    @classmethod
    def loose(cls, segments: int) -> "Claim":
        """A claim that nothing reaches."""
        return cls(*np.zeros((3, segments)))

    @property
    def on_average(self) -> FloatArray:
        """Share paid where every factor is 1, (S,)."""
        return np.asarray(1 / (1 + self.fixed + self.rising), np.float64)

    def share(self, factors: FactorBlock) -> FloatArray:
        """Share paid on each path relative to the average path's, (paths, S)."""
        beyond = factors.level * self.rising
        beyond += self.fixed
        beyond *= np.exp(np.log(factors.ticket)[:, None] * self.power)
        beyond += 1
        return np.asarray(1 / (self.on_average * beyond), np.float64)


@dataclass(frozen=True)
class Chain:
    """Loans of balance 1 per segment: S segments, T months.

    odds: (S, T) monthly odds of a dormant loan. keep, settle, payers: (S,) chance to pay again,
    to close, share already paying. instalment, lump: (S, T, 2) mean and Gamma shape by month.
    claim: what the claim leaves of receipts on paths unlike the average one. higher: (2, S)
    factors on the second and third moment of a loan's receipts.
    """

    odds: FloatArray
    keep: FloatArray
    settle: FloatArray
    payers: FloatArray
    instalment: FloatArray
    lump: FloatArray
    claim: Claim
    higher: FloatArray

    @property
    def broken(self) -> FloatArray:
        """Chance that a payer falls back to dormant, (S,)."""
        return 1 - self.keep - self.settle


@dataclass(frozen=True)
class Flow:
    """Expected cash and open accounts per loan of balance 1, (S, T), averaged over paths."""

    cash: FloatArray
    live: FloatArray


def expected_flow(chain: Chain, factors: FactorBlock) -> Flow:
    """Forward recursion for the means of one block of paths."""
    paths = len(factors.ticket)
    weight = receipt_scale(chain, factors) / paths
    paying = np.broadcast_to(chain.payers, factors.level.shape).copy()
    dormant = 1 - paying
    cash, live = np.empty_like(chain.odds), np.empty_like(chain.odds)
    for month in range(chain.odds.shape[1]):
        chance = hazard(chain, factors, month)
        started = dormant * chance
        dormant += chain.broken * paying - started
        closed = np.einsum("ps,ps->s", weight, paying) * chain.settle
        paying *= chain.keep
        paying += started
        paid = np.einsum("ps,ps->s", weight, paying)
        cash[:, month] = paid * chain.instalment[:, month, 0]
        cash[:, month] += closed * chain.lump[:, month, 0]
        live[:, month] = (dormant + paying).mean(axis=0)
    return Flow(cash, live)


def receipt_scale(chain: Chain, factors: FactorBlock) -> FloatArray:
    """Factor on every receipt of a path, (paths, S): ticket size, held back by the claim where
    the level or the ticket is high."""
    return factors.ticket[:, None] * chain.claim.share(factors)


def hazard(chain: Chain, factors: FactorBlock, month: int) -> FloatArray:
    """Chance that a dormant loan pays in this month, (paths, S)."""
    odds = factors.level * (chain.odds[:, month] * factors.macro[:, month : month + 1])
    odds /= 1 + odds
    return np.asarray(odds, dtype=np.float64)


def raw_ticket_moments(ticket: FloatArray) -> FloatArray:
    """First three raw moments of a Gamma ticket given (S, 2) mean and shape: (3, S)."""
    mean, shape = ticket[:, 0], ticket[:, 1]
    second = mean**2 * (shape + 1) / shape
    return np.stack([mean, second, mean * second * (shape + 2) / shape])


def unit_moments(
    chain: Chain, factors: FactorBlock, net_share: FloatArray, annual_rate: float
) -> FloatArray:
    """First three raw moments of a loan's discounted net receipts, (3, paths, S).

    net_share: (S,) share of a receipt that is kept. Backward recursion: D, P hold the moments of
    the value of months t+1..T of a dormant and of a paying loan. Receipts are linear in the
    ticket factor and in the net share, so both enter once, at the end. Paths are taken a few at a
    time, as many as the cache holds; they do not touch each other, so no bit depends on it.
    """
    paths, segments = factors.level.shape
    step = max(1, IN_CACHE // segments)
    parts = [
        _unit_moments(chain, factors.rows(first, first + step), net_share, annual_rate)
        for first in range(0, paths, step)
    ]
    return np.concatenate(parts, axis=1)


def _unit_moments(
    chain: Chain, factors: FactorBlock, net_share: FloatArray, annual_rate: float
) -> FloatArray:
    v = (1 + annual_rate) ** (-1 / 12)
    keep, shut, broken = chain.keep, chain.settle, chain.broken
    D1, D2, D3, P1, P2, P3 = (np.zeros_like(factors.level) for _ in range(6))
    for month in range(chain.odds.shape[1] - 1, -1, -1):
        lam = hazard(chain, factors, month)
        y1, y2, y3 = raw_ticket_moments(chain.instalment[:, month])
        z1, z2, z3 = raw_ticket_moments(chain.lump[:, month])
        q3 = P3 + 3 * y1 * P2 + 3 * y2 * P1 + y3
        q2 = P2 + 2 * y1 * P1 + y2
        q1 = P1 + y1
        P1 = v * shut * z1 + v * keep * q1 + v * broken * D1
        P2 = v**2 * shut * z2 + v**2 * keep * q2 + v**2 * broken * D2
        P3 = v**3 * shut * z3 + v**3 * keep * q3 + v**3 * broken * D3
        for D, q, discount in ((D1, q1, v), (D2, q2, v**2), (D3, q3, v**3)):
            q -= D
            q *= lam
            D += q
            D *= discount
    scale = receipt_scale(chain, factors) * net_share
    p, d = chain.payers, 1 - chain.payers
    return np.stack(
        [
            scale * (p * P1 + d * D1),
            scale**2 * chain.higher[0] * (p * P2 + d * D2),
            scale**3 * chain.higher[1] * (p * P3 + d * D3),
        ]
    )


def open_months(chain: Chain, factors: FactorBlock, annual_rate: float) -> FloatArray:
    """Discounted number of months a loan stays open, (paths, S): what working costs run on."""
    v = (1 + annual_rate) ** (-1 / 12)
    dormant, paying = np.zeros_like(factors.level), np.zeros_like(factors.level)
    for month in range(chain.odds.shape[1] - 1, -1, -1):
        lam = hazard(chain, factors, month)
        paying, dormant = (
            v * (chain.keep * (1 + paying) + chain.broken * (1 + dormant)),
            v * (1 + dormant + lam * (paying - dormant)),
        )
    return chain.payers * paying + (1 - chain.payers) * dormant


def pool_cumulants(moments: FloatArray, power: FloatArray) -> FloatArray:
    """Cumulants 1..3 of the pool's discounted net receipts per path, (paths, 3).

    moments: (3, paths, S) raw moments of a loan of balance 1; power: (S, 4) sums of balance**r.
    """
    m1, m2, m3 = moments
    third = m3 - 3 * m1 * m2 + 2 * m1**3
    return np.stack([m1 @ power[:, 1], (m2 - m1**2) @ power[:, 2], third @ power[:, 3]], axis=1)
