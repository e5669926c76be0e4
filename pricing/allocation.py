"""The price spread over the loans so that it adds up."""

from dataclasses import dataclass

import numpy as np

from pricing.canonical import FloatArray, IntArray
from pricing.errors import PricingError
from pricing.moments import Flow
from pricing.plan import Plan
from pricing.returns import discount_factors


@dataclass(frozen=True)
class LoanShares:
    """Per loan of the whole pool, (loans,), major units: share of the price, expected net cash."""

    price: FloatArray
    cash: FloatArray


def allocate(plan: Plan, flow: Flow, price: float) -> LoanShares:
    """Spread the price and the expected net cash; loans that cannot pay get 0.

    Within a segment receipts follow balance x expected payments of the loan's own age and score;
    costs are the loan's own. Where the price is positive, loans whose costs exceed their receipts
    get 0 and the others carry the difference in proportion, so the sum stays the price.
    """
    portfolio, months = plan.portfolio, plan.terms.horizon_months
    discount = discount_factors(plan.terms.buyer_irr, months)
    value = _own_value(plan, flow, discount)
    cash = _own_value(plan, flow, np.ones(months))
    if price > 0:
        value = np.maximum(value, 0)
    total = float(value.sum())
    value *= price / total if total != 0 else 0.0
    shares = np.zeros((2, len(portfolio.loans)))
    shares[:, portfolio.live] = value, cash
    shares.setflags(write=False)
    return LoanShares(price=shares[0], cash=shares[1])


def _own_value(plan: Plan, flow: Flow, weight: FloatArray) -> FloatArray:
    """Receipts less costs of each live loan, months weighted (T,); sums to the pool's."""
    portfolio, costs = plan.portfolio, plan.costs
    segment = portfolio.segment
    receipts = portfolio.power[:, 1] * (flow.cash @ weight) * plan.net_share
    work = (flow.live @ weight) * costs.work
    key = _receipt_keys(plan, weight)
    share = key / np.bincount(segment, key)[segment]
    own = receipts[segment] * share - work[segment] - portfolio.case_cost * weight[0]
    return np.asarray(own, dtype=np.float64)


def _receipt_keys(plan: Plan, weight: FloatArray) -> FloatArray:
    """Balance x expected payments to first order in the odds, (live loans,)."""
    portfolio, chain = plan.portfolio, plan.chain
    scores = portfolio.scores
    uplift = np.array([channel.uplift for channel in portfolio.channels])[portfolio.channel]
    factor = np.exp(scores.attributes + scores.balance + uplift)
    delay = np.array([channel.delay_months for channel in portfolio.channels])
    months = np.arange(1, len(weight) + 1)
    first = np.unique(portfolio.segment, return_index=True)[1]
    stay = 1 - chain.keep
    instalment, lump = chain.instalment[:, :, 0].mean(axis=1), chain.lump[:, :, 0].mean(axis=1)
    later = (chain.keep * instalment + chain.settle * lump) / stay
    episode = (instalment + later)[portfolio.segment]
    entries = np.empty(len(portfolio.balance))
    width = int(portfolio.age.max()) + 1
    for family in {(scores.product[loan], portfolio.channel[loan]) for loan in first}:
        product, channel = family
        mine = (scores.product == product) & (portfolio.channel == channel)
        odds = portfolio.windows(int(product))[:width]
        by_age = (odds / (1 + odds)) @ (weight * (months > delay[channel]))
        entries[mine] = by_age[portfolio.age[mine]]
    running = scores.payers * later[portfolio.segment]
    return np.asarray(
        portfolio.balance * (running + (1 - scores.payers) * entries * factor * episode) + 1e-300
    )


def to_minor(shares: FloatArray, total_minor: int) -> IntArray:
    """Whole minor units (cents) per loan that sum to `total_minor` (largest remainder).

    shares: (loans,), not negative, with a positive sum unless the total is 0. A loan differs from
    its exact share by less than one unit; equal remainders go to the earlier loan.
    """
    whole = float(shares.sum())
    if not np.isfinite(whole) or (shares < 0).any() or total_minor < 0 or whole <= 0 < total_minor:
        raise PricingError(
            "shares to round are finite, not negative, not all 0 for a total above 0"
        )
    exact = shares / whole * total_minor if whole > 0 else np.zeros_like(shares)
    minor = np.floor(exact).astype(np.int64)
    missing = total_minor - int(minor.sum())
    order = np.argsort(minor - exact, kind="stable")  # largest remainder first
    if missing < 0:  # floating sums above 2**53 can overshoot by a unit
        minor[order[missing:]] -= 1
    minor[order[: max(missing, 0)]] += 1
    return minor
