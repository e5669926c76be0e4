"""The price spread over the loans so that it adds up."""

from dataclasses import dataclass

import numpy as np

from pricing.canonical import FloatArray
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
    later = (chain.keep * chain.instalment[:, 0] + chain.settle * chain.lump[:, 0]) / stay
    episode = (chain.instalment[:, 0] + later)[portfolio.segment]
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
