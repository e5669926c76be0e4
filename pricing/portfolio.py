"""The live pool cut into segments, and its odds under any "what if"."""

from dataclasses import dataclass

import numpy as np

from pricing.calibration import Calibration
from pricing.canonical import FloatArray, IntArray
from pricing.channels import ChannelCost
from pricing.errors import BadColumn, BadTerms, EmptyPool, MixedBasis, MixedCurrency
from pricing.loans import Loans
from pricing.scoring import Scores, base_odds, score_loans
from pricing.segmentation import Traits, segments_of
from pricing.terms import Terms

LEAST_ODDS = 1e-300
MOST_LOST = 0.5  # of starts to the spread of odds: beyond it second order means nothing
AGE_STEP = 6  # the age sensitivity looks this many months further along the curve


@dataclass(frozen=True)
class Variant:
    """One "what if" on the odds; the default is the pool as it stands.

    fresh: every loan at age 0. plain: attributes, uplift and running payers left out. even:
    the balance effect left out. level: factor on the odds. uplift: added log-odds by channel.
    """

    fresh: bool = False
    plain: bool = False
    even: bool = False
    older_months: int = 0
    level: float = 1.0
    uplift: tuple[float, ...] | None = None


AS_IT_STANDS = Variant()


@dataclass(frozen=True)
class OwnOdds:
    """Odds of loan i in month t: factor[i] * by_kind[kind[i], t]. kind, factor: (live loans,);
    by_kind: (kinds, T), one row per product, channel and age."""

    kind: IntArray
    factor: FloatArray
    by_kind: FloatArray


@dataclass(frozen=True)
class Portfolio:
    """The loans that can pay, cut into segments.

    live: index of these loans in `loans`; the arrays (live loans,) follow it. balance: owed at
    charge-off, what payments are a share of; room: share of it that is left. channel: code into
    `channels`. case_cost: one-off cost per loan. odds_by_age: (products, ages) base curves.
    segment: number of each loan's segment; segment_product, segment_channel: (S,). expected:
    chance that a loan pays at all; pace: its rows of payments over the balance-weighted mean of
    its segment.
    power: (S, 4) loans, sum of balance, sums of pace * balance**r for r = 2, 3: moments of what the
    loans that pay owe, since a segment's large loans need not pay as its small ones do.
    """

    loans: Loans
    calibration: Calibration
    terms: Terms
    live: IntArray
    balance: FloatArray
    room: FloatArray
    age: IntArray
    scores: Scores
    channels: tuple[ChannelCost, ...]
    channel: IntArray
    case_cost: FloatArray
    odds_by_age: FloatArray
    expected: FloatArray
    pace: FloatArray
    segment: IntArray
    segment_product: IntArray
    segment_channel: IntArray
    power: FloatArray

    @property
    def segments(self) -> int:
        """Number of segments."""
        return len(self.power)

    @property
    def effective_payers(self) -> float:
        """Equal payers that would scatter like this pool: (sum B)^2 / sum B^2 * P(pay)."""
        share = self.balance / self.balance.max()
        return float(share.sum() / (share @ share) * (share @ self.expected))

    def odds(self, variant: Variant) -> FloatArray:
        """Odds per segment and month, (S, T): balance-weighted, less what their spread costs."""
        age = np.zeros_like(self.age) if variant.fresh else self.age + variant.older_months
        log_odds = np.zeros(len(self.balance))
        if not variant.plain:
            uplift = variant.uplift or tuple(channel.uplift for channel in self.channels)
            log_odds += self.scores.attributes + np.array(uplift)[self.channel]
        if not variant.even:
            log_odds += self.scores.balance
        factor = np.exp(log_odds) * variant.level
        mean, square = (
            self._by_segment(age, self.balance * factor**order, order) for order in (1, 2)
        )
        months = np.arange(1, mean.shape[1] + 1)
        delay = np.array([channel.delay_months for channel in self.channels])
        works = months > delay[self.segment_channel][:, None]
        return works * self._as_one_loan(mean, np.maximum(square - mean**2, 0.0))

    def _by_segment(self, age: IntArray, weight: FloatArray, order: int) -> FloatArray:
        """Sum over a segment's loans of weight * (base odds)**order, over its balance, (S, T)."""
        width = int(age.max()) + 1
        table = np.bincount(
            self.segment * width + age, weights=weight, minlength=self.segments * width
        ).reshape(self.segments, width)
        found = np.empty((self.segments, self.terms.horizon_months))
        for product in np.unique(self.segment_product):
            rows = self.segment_product == product
            found[rows] = table[rows] @ self.windows(int(product))[:width] ** order
        return np.asarray(found / self.power[:, 1:2], dtype=np.float64)

    def _as_one_loan(self, mean: FloatArray, variance: FloatArray) -> FloatArray:
        """Odds of the one loan that starts to pay as often as loans of such odds together, (S, T).

        A loan starts at rate odds / (1 + k odds): while it pays, L = 1 / (1 - keep) months, it
        cannot start, nor once it has closed. Second order in the odds' spread.
        """
        products = [self.calibration.products[code] for code in self.segment_product]
        stay = np.array([1 / (1 - one.keep) for one in products])[:, None]
        closing = np.array([one.settle for one in products])[:, None] * stay
        before = np.cumsum(mean, axis=1) - mean
        k = 1 + stay + closing * before / np.maximum(mean, LEAST_ODDS)
        rate = mean / (1 + k * mean)
        lost = np.minimum(k * variance / (1 + k * mean) ** 3, MOST_LOST * rate)
        return np.asarray((rate - lost) / (1 - k * (rate - lost)), dtype=np.float64)

    def own_odds(self) -> OwnOdds:
        """Odds of every live loan as it stands, no loan averaged with another."""
        uplift = np.array([channel.uplift for channel in self.channels])[self.channel]
        product, width = self.scores.product, int(self.age.max()) + 1
        code = (product * len(self.channels) + self.channel) * width + self.age
        _, first, kind = np.unique(code, return_index=True, return_inverse=True)
        month = np.arange(1, self.terms.horizon_months + 1)
        by_kind = np.stack(
            [
                self.windows(int(product[loan]))[self.age[loan]]
                * (month > self.channels[self.channel[loan]].delay_months)
                for loan in first
            ]
        )
        factor = np.exp(self.scores.attributes + self.scores.balance + uplift)
        return OwnOdds(kind, factor, by_kind)

    def windows(self, product: int) -> FloatArray:
        """Base odds in the months 1..T of a loan of each age, (ages, T), a read-only view."""
        curve = self.odds_by_age[product]
        return np.lib.stride_tricks.sliding_window_view(curve[1:], self.terms.horizon_months)


def portfolio_of(loans: Loans, calibration: Calibration, terms: Terms) -> Portfolio:
    """Check that the three fit together and cut the pool into segments.

    Raises EmptyPool, MixedBasis, MixedCurrency, BadColumn (unknown channel), BadTerms (costs of a
    channel that neither the calibration nor a loan names).
    """
    if loans.currency != calibration.currency:
        raise MixedCurrency(loans.currency, calibration.currency)
    if loans.basis not in calibration.scales:
        raise MixedBasis(loans.basis, sorted(calibration.scales))
    live = np.flatnonzero(loans.is_live)
    if len(live) == 0:
        raise EmptyPool(f"the pool has no live loan; {len(loans)} are excluded by status")
    scores = _live_scores(score_loans(loans, calibration), live)
    channels, channel = _channels(loans, calibration, terms)
    channel = channel[live]
    balance, age = loans.owed_at_charge_off[live], loans.age_months[live]
    curves = _curves(calibration, int(age.max()) + AGE_STEP + terms.horizon_months)
    uplift = np.array([one.uplift for one in channels])[channel]
    score = scores.attributes + scores.balance + uplift
    total = np.cumsum(curves, axis=1)
    by_age = total[:, terms.horizon_months :] - total[:, : -terms.horizon_months]  # months 1..T
    hazard = by_age[scores.product, age] * np.exp(score)
    traits = Traits(
        family=scores.product * len(channels) + channel,
        age=age,
        score=score,
        paying=scores.payers,
        balance=balance,
        expected=1 - (1 - scores.payers) * np.exp(-hazard),
    )
    segment = segments_of(traits)
    pace = _pace(segment, balance, scores.payers + (1 - scores.payers) * hazard)
    first = np.unique(segment, return_index=True)[1]
    return Portfolio(
        loans=loans, calibration=calibration, terms=terms, live=live, balance=balance, age=age,
        scores=scores, channels=channels, channel=channel,
        case_cost=_case_costs(channels, channel, loans.balance[live]),
        room=loans.balance[live] / balance,
        odds_by_age=curves, expected=traits.expected, pace=pace,
        segment=segment, segment_product=scores.product[first], segment_channel=channel[first],
        power=_power_sums(segment, balance, pace),
    )  # fmt: skip


def _pace(segment: IntArray, balance: FloatArray, payments: FloatArray) -> FloatArray:
    """Expected payments of each loan over the balance-weighted mean of its segment."""
    mean = (np.bincount(segment, balance * payments) / np.bincount(segment, balance))[segment]
    return np.divide(payments, mean, out=np.ones_like(payments), where=mean > 0)


def _power_sums(segment: IntArray, balance: FloatArray, pace: FloatArray) -> FloatArray:
    sums = (None, balance, *(pace * balance**order for order in (2, 3)))
    return np.stack([np.bincount(segment, weight).astype(np.float64) for weight in sums], axis=1)


def _case_costs(
    channels: tuple[ChannelCost, ...], channel: IntArray, balance: FloatArray
) -> FloatArray:
    cost = np.zeros(len(balance))
    for code, one in enumerate(channels):
        mine = channel == code
        cost[mine] = one.cost_of_cases(balance[mine])
    return cost


def _live_scores(scores: Scores, live: IntArray) -> Scores:
    return Scores(
        product=scores.product[live],
        attributes=scores.attributes[live],
        balance=scores.balance[live],
        payers=scores.payers[live],
        notes=scores.notes,
    )


def _channels(
    loans: Loans, calibration: Calibration, terms: Terms
) -> tuple[tuple[ChannelCost, ...], IntArray]:
    """Channels in use and each loan's code; the terms' costs replace the calibration's."""
    known = {channel.name: channel for channel in (*calibration.channels, *terms.costs)}
    names = [name or calibration.default_channel for name in loans.channels]
    for code, name in enumerate(names):
        if name not in known:
            row = int(np.argmax(loans.channel == code)) + 1
            raise BadColumn("channel", row, name, f"one of {', '.join(sorted(known))}")
    used = sorted(set(names))
    offered = {*(channel.name for channel in calibration.channels), *used}
    for channel in terms.costs:
        if channel.name not in offered:
            raise BadTerms("costs", channel.name, f"costs of one of {', '.join(sorted(offered))}")
    codes = np.array([used.index(name) for name in names], np.int64)
    return tuple(known[name] for name in used), codes[loans.channel]


def _curves(calibration: Calibration, months: int) -> FloatArray:
    curves = [base_odds(product, calibration.knots, months) for product in calibration.products]
    return np.stack(curves)
