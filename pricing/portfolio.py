"""The live pool cut into segments, and its odds under any "what if"."""

from dataclasses import dataclass

import numpy as np

from pricing.calibration import Calibration
from pricing.canonical import FloatArray, IntArray
from pricing.channels import ChannelCost
from pricing.errors import BadColumn, EmptyPool, MixedBasis, MixedCurrency
from pricing.loans import Loans
from pricing.scoring import Scores, base_odds, score_loans
from pricing.segmentation import Traits, segments_of
from pricing.terms import Terms

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
class Portfolio:
    """The loans that can pay, cut into segments.

    live: index of these loans in `loans`; the arrays (live loans,) follow it. channel: code into
    `channels`. case_cost: one-off cost per loan. odds_by_age: (products, ages) base curves.
    segment: number of each loan's segment; segment_product, segment_channel: (S,). power: (S, 4)
    sums of balance**r. expected: chance that a loan pays at all.
    """

    loans: Loans
    calibration: Calibration
    terms: Terms
    live: IntArray
    balance: FloatArray
    age: IntArray
    scores: Scores
    channels: tuple[ChannelCost, ...]
    channel: IntArray
    case_cost: FloatArray
    odds_by_age: FloatArray
    expected: FloatArray
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
        """Balance-weighted odds per segment and month, (S, T)."""
        age = np.zeros_like(self.age) if variant.fresh else self.age + variant.older_months
        log_odds = np.zeros(len(self.balance))
        if not variant.plain:
            uplift = variant.uplift or tuple(channel.uplift for channel in self.channels)
            log_odds += self.scores.attributes + np.array(uplift)[self.channel]
        if not variant.even:
            log_odds += self.scores.balance
        weight = self.balance * np.exp(log_odds) * variant.level
        width = int(age.max()) + 1
        table = np.bincount(
            self.segment * width + age, weights=weight, minlength=self.segments * width
        ).reshape(self.segments, width)
        odds = np.empty((self.segments, self.terms.horizon_months))
        for product in np.unique(self.segment_product):
            rows = self.segment_product == product
            odds[rows] = table[rows] @ self.windows(int(product))[:width]
        odds /= self.power[:, 1:2]
        months = np.arange(1, odds.shape[1] + 1)
        delay = np.array([channel.delay_months for channel in self.channels])
        return odds * (months > delay[self.segment_channel][:, None])

    def windows(self, product: int) -> FloatArray:
        """Base odds in the months 1..T of a loan of each age, (ages, T), a read-only view."""
        curve = self.odds_by_age[product]
        return np.lib.stride_tricks.sliding_window_view(curve[1:], self.terms.horizon_months)


def portfolio_of(loans: Loans, calibration: Calibration, terms: Terms) -> Portfolio:
    """Check that the three fit together and cut the pool into segments.

    Raises EmptyPool, MixedBasis, MixedCurrency, BadColumn (unknown channel).
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
    balance, age = loans.balance[live], loans.age_months[live]
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
    first = np.unique(segment, return_index=True)[1]
    return Portfolio(
        loans=loans, calibration=calibration, terms=terms, live=live, balance=balance, age=age,
        scores=scores, channels=channels, channel=channel,
        case_cost=_case_costs(channels, channel, balance),
        odds_by_age=curves, expected=traits.expected,
        segment=segment, segment_product=scores.product[first], segment_channel=channel[first],
        power=np.stack([np.bincount(segment, balance**order) for order in range(4)], axis=1),
    )  # fmt: skip


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
    codes = np.array([used.index(name) for name in names], np.int64)
    return tuple(known[name] for name in used), codes[loans.channel]


def _curves(calibration: Calibration, months: int) -> FloatArray:
    curves = [base_odds(product, calibration.knots, months) for product in calibration.products]
    return np.stack(curves)
