"""What the claim leaves of a ticket: nobody pays more than he owes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import gammainc

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.factors import FactorBlock
from pricing.moments import Chain, Claim, unit_moments
from pricing.returns import discount_factors

UNIT_PAYERS, FEW_PAYERS = 40_000, 6_000
STRIDE = 7_919  # prime: a loan meets another size every month
UNIT_SEED = 20_000  # fixed: the capped ticket belongs to the model, not to a run
NO_WEIGHT = 1e-9
LEAST_ASKED = 1e-300
SPREAD_LIMITS = 1e-3, 2.0
LEVEL_STEP, TICKET_STEP = 0.6, 0.15  # logs: about two standard deviations
LEAST_LOST = 1e-7  # odds below which the claim is out of reach
ROOMS = 4_096  # linear between rooms: a share off by 1e-6, at a tenth of the time
ROOM_STEPS = 64
KEPT = 64  # unit runs remembered: a scenario that changes costs alone needs none


@dataclass(frozen=True)
class Rooms:
    """Shares of the claim that are left at the cut-off date, ROOM_STEPS even quantiles (packed): of
    loans that are paying, and of dormant ones, by what is expected of them."""

    paying: bytes
    dormant: bytes


def spread_of(room: FloatArray, weight: FloatArray) -> bytes:
    """Even quantiles of rooms (n,) under weights (n,), packed; all 1 where nothing weighs."""
    total = float(weight.sum())
    if total <= 0:
        return np.ones(ROOM_STEPS).tobytes()
    order = np.argsort(room, kind="stable")
    reached = np.cumsum(weight[order]) / total
    middle = (np.arange(ROOM_STEPS) + 0.5) / ROOM_STEPS
    place = np.minimum(np.searchsorted(reached, middle), len(room) - 1)
    return np.ascontiguousarray(room[order][place], np.float64).tobytes()


@dataclass(frozen=True)
class _Unit:
    """A loan of balance 1 of one product: odds by month (packed), behaviour, tickets."""

    odds: bytes
    payers: float
    keep: float
    settle: float
    instalment: tuple[float, float]
    lump: tuple[float, float]
    rooms: Rooms | None

    def chain(self) -> Chain:
        """The unit as a chain of one segment."""
        odds = np.frombuffer(self.odds, dtype=np.float64)[None, :]
        months = odds.shape[1]
        return Chain(
            odds=odds,
            keep=np.array([self.keep]),
            settle=np.array([self.settle]),
            payers=np.array([self.payers]),
            instalment=np.tile(self.instalment, (1, months, 1)),
            lump=np.tile(self.lump, (1, months, 1)),
            claim=Claim.loose(1),
            higher=np.ones((2, 1)),
        )


def capped(
    chain: Chain,
    product: IntArray,
    balance: FloatArray,
    rooms: Mapping[int, Rooms | None],
    *,
    annual_rate: float,
) -> Chain:
    """The chain with tickets cut at the claim.

    Unit runs per product: loans of balance 1 at the product's balance-weighted odds, with what the
    past left of their claims (`rooms`, by product; None = all of it). Means by
    month become E[min(ticket, room left)], non-increasing in time (pool adjacent violators), since
    what has been paid only grows. The Gamma shape is then set so that the second moment of a
    loan's discounted receipts is that of the unit run: payments of one loan compete for its room.
    Factors do the same for the third moment, and for what no shape can do to the second.
    The chain's `claim` says how much more it binds where the level or the tickets are higher; a
    segment that pays more than its product's average is held back as on a path of such a level.
    """
    instalment, lump = chain.instalment.copy(), chain.lump.copy()
    fixed, rising, power = np.zeros((3, len(product)))
    higher = np.ones((2, len(product)))
    for code in np.unique(product):
        rows = np.flatnonzero(product == code)
        weight = balance[rows] / balance[rows].sum()
        odds, first = weight @ chain.odds[rows], rows[0]
        unit = _Unit(
            odds=odds.tobytes(),
            payers=float(weight @ chain.payers[rows]),
            keep=float(chain.keep[first]),
            settle=float(chain.settle[first]),
            instalment=(float(chain.instalment[first, 0, 0]), float(chain.instalment[first, 0, 1])),
            lump=(float(chain.lump[first, 0, 0]), float(chain.lump[first, 0, 1])),
            rooms=rooms[int(code)],
        )
        cut, (lost, growing, power[rows]) = _cut(unit, annual_rate), _bite(unit)
        total = odds.sum()
        pace = chain.odds[rows].sum(axis=1) / total if total > 0 else np.ones(len(rows))
        fixed[rows], rising[rows] = lost - growing, growing * pace
        higher[:, rows] = cut.higher
        held = (1 + lost) / (1 + fixed[rows] + rising[rows])
        for target, source in ((instalment, cut.instalment), (lump, cut.lump)):
            target[rows] = source
            target[rows, :, 0] *= held[:, None]
    claim = Claim(fixed, rising, power)
    return replace(chain, instalment=instalment, lump=lump, claim=claim, higher=higher)


@lru_cache(maxsize=KEPT)
def _cut(unit: _Unit, annual_rate: float) -> Chain:
    chain = unit.chain()
    discount = discount_factors(annual_rate, chain.odds.shape[1])
    run = _WatchedRun(chain, discount, UNIT_PAYERS, unit.rooms)
    wanted = {
        order: _moment(chain, order, annual_rate)
        * (float((run.paid**order).sum()) / max(float((run.asked**order).sum()), LEAST_ASKED))
        for order in (2, 3)
    }
    shorter = _with_means(chain, *run.smooth_shares())
    without = _moment(_with_spread(shorter, 0.0), 2, annual_rate)
    with_full = _moment(shorter, 2, annual_rate)
    spread = (wanted[2] - without) / (with_full - without) if with_full > without else 1.0
    cut = _with_spread(shorter, float(np.clip(spread, *SPREAD_LIMITS)))
    left = {order: _moment(cut, order, annual_rate) for order in wanted}
    shares = [wanted[order] / left[order] if left[order] > 0 else 1.0 for order in wanted]
    return replace(cut, higher=np.array(shares)[:, None])


@lru_cache(maxsize=KEPT)
def _bite(unit: _Unit) -> tuple[float, float, float]:
    """Odds that a unit asked is lost to the claim at the product's average, the part of them that
    grows in proportion to the level, and the power with which they grow with the ticket."""
    chain, ones = unit.chain(), np.ones(unit.chain().odds.shape[1])
    level, ticket = np.exp(LEVEL_STEP), np.exp(TICKET_STEP)
    variants = (
        chain,
        replace(chain, odds=chain.odds * level),
        replace(chain, odds=chain.odds / level),
        _with_means(chain, ticket * ones, ticket * ones),
        _with_means(chain, ones / ticket, ones / ticket),
    )
    shares = np.array([_UnitRun(one, ones, FEW_PAYERS, unit.rooms).share for one in variants])
    lost, high, low, large, small = np.maximum(1 / shares - 1, 0.0)
    growing = float(np.clip((high - low) / (level - 1 / level), 0.0, lost))
    if small < LEAST_LOST:
        return float(lost), growing, 0.0
    return float(lost), growing, float(np.log(large / small) / (2 * TICKET_STEP))


class _UnitRun:
    """Simulated loans of balance 1 that pay at least once; the others change no ratio.

    paid, asked: discounted receipts per loan with and without the cap. share: their ratio. Loans
    keep their draws when the inputs change, so that ratios of two runs carry little noise.
    """

    def __init__(
        self, unit: Chain, discount: FloatArray, payers: int, rooms: Rooms | None = None
    ) -> None:
        self.unit, self.discount, self.payers, self.rooms = unit, discount, payers, rooms
        self.rng = np.random.Generator(np.random.Philox(UNIT_SEED))
        self.sizes = [self._sizes(float(kind[0, 0, 1])) for kind in (unit.instalment, unit.lump)]
        self.first = self._first_months()
        self.room = self._rooms()
        self.paid, self.asked = np.zeros(payers), np.zeros(payers)
        self._play()
        asked = float(self.asked.sum())
        self.share = float(self.paid.sum()) / asked if asked > 0 else 1.0

    def _sizes(self, shape: float) -> FloatArray:
        """One Gamma draw per loan, mean exactly 1; dealt out anew each month."""
        drawn = self.rng.standard_gamma(shape, self.payers)
        return np.asarray(drawn / drawn.mean(), dtype=np.float64)

    def _first_months(self) -> IntArray:
        """Month index of each payer's first payment as a dormant loan; -1 = paying already."""
        odds, running = self.unit.odds[0], self.unit.payers[0]
        unpaid = np.cumprod(1 / (1 + odds))
        reached = running + (1 - running) * (1 - unpaid)
        draw = (np.arange(self.payers) + 0.5) / self.payers * reached[-1]
        return np.where(draw < running, -1, np.searchsorted(reached, draw))

    def _rooms(self) -> FloatArray:
        """What is left of each loan's claim; dealt so that it says nothing of when it pays."""
        if self.rooms is None:
            return np.ones(self.payers)
        dealt = np.arange(self.payers) * STRIDE % ROOM_STEPS
        paying, dormant = (
            np.frombuffer(packed, np.float64)[dealt]
            for packed in (self.rooms.paying, self.rooms.dormant)
        )
        return np.where(self.first < 0, paying, dormant)

    def _play(self) -> None:
        unit, first = self.unit, self.first
        paying, is_open = first < 0, np.ones(self.payers, np.bool_)
        for month, ratio in enumerate(unit.odds[0]):
            draw = self.rng.random(self.payers)
            closed = paying & (draw < unit.settle)
            goes_on = paying & ~closed & (draw < unit.settle + unit.keep)
            again = (first < month) & is_open & ~paying & (draw < ratio / (1 + ratio))
            may_close, paying = paying, goes_on | again | (first == month)
            is_open &= ~closed
            self._observe(month, paying, may_close)
            self._pay(paying, float(unit.instalment[0, month, 0]), month, self.sizes[0])
            self._pay(closed, float(unit.lump[0, month, 0]), month, self.sizes[1])

    def _observe(self, month: int, paying: BoolArray, may_close: BoolArray) -> None:
        """Seen before the payments of the month; each payer of last month could have closed."""

    def _pay(self, who: BoolArray, mean: float, month: int, sizes: FloatArray) -> None:
        loan = np.flatnonzero(who)
        asked = mean * sizes[(loan + STRIDE * (month + 1)) % self.payers]
        fits = np.minimum(asked, self.room[loan])
        self.room[loan] -= fits
        self.paid[loan] += self.discount[month] * fits
        self.asked[loan] += self.discount[month] * asked


class _WatchedRun(_UnitRun):
    """A unit run that also averages, in closed form, which share of a ticket fits by month."""

    def __init__(
        self, unit: Chain, discount: FloatArray, payers: int, rooms: Rooms | None = None
    ) -> None:
        months = unit.odds.shape[1]
        self.fits, self.weights = np.ones((2, months)), np.full((2, months), NO_WEIGHT)
        self.tables = [_shares_that_fit(kind[0, 0]) for kind in (unit.instalment, unit.lump)]
        super().__init__(unit, discount, payers, rooms)

    def _observe(self, month: int, paying: BoolArray, may_close: BoolArray) -> None:
        for kind, who in enumerate((paying, may_close)):
            if who.any():
                self.fits[kind, month] = _mean_at(self.tables[kind], self.room[who])
                self.weights[kind, month] = who.sum()

    def smooth_shares(self) -> tuple[FloatArray, FloatArray]:
        """Shares of instalment and lump sum that fit, (T,) each, non-increasing."""
        instalment, lump = (
            isotonic_regression(share, weights=weight, increasing=False).x
            for share, weight in zip(self.fits, self.weights, strict=True)
        )
        return instalment, lump


def _shares_that_fit(ticket: FloatArray) -> FloatArray:
    """E[min(Gamma, room)] / E[Gamma], closed form, at rooms 0, 1/ROOMS, ..., 1."""
    mean, shape = ticket
    room = np.arange(ROOMS + 1) / ROOMS
    at = room * shape / mean
    share = gammainc(shape + 1, at) + room * (1 - gammainc(shape, at)) / mean
    return np.asarray(share, dtype=np.float64)


def _mean_at(table: FloatArray, room: FloatArray) -> float:
    """Mean of the table over rooms from 0 to 1, linear in between."""
    place = room * ROOMS
    below = np.minimum(place.astype(np.int64), ROOMS - 1)
    low = table[below]
    return float((low + (place - below) * (table[below + 1] - low)).mean())


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


def _moment(unit: Chain, order: int, annual_rate: float) -> float:
    """E[X**order] of a unit loan's discounted receipts without systematic risk."""
    months = unit.odds.shape[1]
    certain = FactorBlock(np.ones((1, 1)), np.ones((1, months)), np.ones(1))
    return float(unit_moments(unit, certain, np.ones(1), annual_rate)[order - 1, 0, 0])
