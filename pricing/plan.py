"""Everything a block of paths needs, computed once per (loans, calibration, terms)."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pricing.calibration import Calibration
from pricing.canonical import FloatArray
from pricing.cap import Rooms, capped, spread_of
from pricing.chain import Cells, Costs
from pricing.factors import FactorModel
from pricing.loans import Loans
from pricing.moments import Chain, Claim
from pricing.nodes import integer_nodes
from pricing.portfolio import AS_IT_STANDS, Portfolio, Variant, portfolio_of
from pricing.segmentation import AGE_EDGES
from pricing.terms import Terms

NODES = 2


@dataclass(frozen=True)
class Plan:
    """A portfolio with its chain, cells, costs and factor model."""

    portfolio: Portfolio
    chain: Chain
    cells: Cells
    costs: Costs
    factors: FactorModel

    @property
    def terms(self) -> Terms:
        """The terms the plan was made for."""
        return self.portfolio.terms

    def chain_for(self, variant: Variant) -> Chain:
        """The chain under a "what if", same segments and cap."""
        payers = np.zeros_like(self.chain.payers) if variant.plain else self.chain.payers
        return replace(self.chain, odds=self.portfolio.odds(variant), payers=payers)

    @cached_property
    def net_share(self) -> FloatArray:
        """Share of a receipt left after the channel's fee, (S,)."""
        return 1 - self.costs.fee_share


def plan_of(loans: Loans, calibration: Calibration, terms: Terms) -> Plan:
    """Cut the pool and prepare both engines; raises what `portfolio_of` raises."""
    portfolio = portfolio_of(loans, calibration, terms)
    return Plan(
        portfolio=portfolio,
        chain=_chain(portfolio),
        cells=_cells(portfolio),
        costs=_costs(portfolio),
        factors=_factor_model(portfolio),
    )


def _cells(portfolio: Portfolio) -> Cells:
    order = np.argsort(portfolio.segment, kind="stable")
    ends = np.flatnonzero(np.diff(portfolio.segment[order])) + 1
    parts = (np.split(column[order], ends) for column in (portfolio.balance, portfolio.pace))
    nodes = [integer_nodes(balance, NODES, pace) for balance, pace in zip(*parts, strict=True)]
    return Cells(
        segment=np.repeat(np.arange(len(nodes)), [len(node) for node, _ in nodes]),
        balance=np.concatenate([node for node, _ in nodes]),
        count=np.concatenate([count for _, count in nodes]),
        accounts=portfolio.power[:, 0] / np.array([count.sum() for _, count in nodes]),
    )


def _costs(portfolio: Portfolio) -> Costs:
    by_segment, channels = portfolio.segment_channel, portfolio.channels
    return Costs(
        fee_share=np.array([channel.fee_share for channel in channels])[by_segment],
        work=np.array([channel.work_cost for channel in channels])[by_segment],
        case=np.bincount(portfolio.segment, portfolio.case_cost).astype(np.float64),
    )


def _factor_model(portfolio: Portfolio) -> FactorModel:
    """Frailty groups are product x age bucket of the segment's mean age."""
    product, calibration = portfolio.segment_product, portfolio.calibration
    mean_age = np.bincount(portfolio.segment, portfolio.balance * portfolio.age)
    bucket = np.digitize(mean_age / portfolio.power[:, 1], AGE_EDGES)
    _, group = np.unique(product * (len(AGE_EDGES) + 1) + bucket, return_inverse=True)
    used, product_code = np.unique(product, return_inverse=True)
    deviations = np.array([one.parameter_sd for one in calibration.products])
    return FactorModel(
        risk=calibration.factors,
        group=group,
        product=product_code,
        parameter_sd=deviations[used],
        months=portfolio.terms.horizon_months,
    )


def _chain(portfolio: Portfolio) -> Chain:
    scale = portfolio.calibration.scales[portfolio.loans.basis]
    products = [portfolio.calibration.products[index] for index in portfolio.segment_product]
    tickets = np.array(
        [
            (one.instalment_mean, one.instalment_shape, one.lump_mean, one.lump_shape)
            for one in products
        ]
    )
    tickets[:, [0, 2]] *= scale
    by_month = np.repeat(tickets[:, None, :], portfolio.terms.horizon_months, axis=1)
    balance = portfolio.power[:, 1]
    uncapped = Chain(
        odds=portfolio.odds(AS_IT_STANDS),
        keep=np.array([one.keep for one in products]),
        settle=np.array([one.settle for one in products]),
        payers=np.bincount(portfolio.segment, portfolio.balance * portfolio.scores.payers)
        / balance,
        instalment=by_month[:, :, :2],
        lump=by_month[:, :, 2:],
        claim=Claim.loose(portfolio.segments),
        higher=np.ones((2, portfolio.segments)),
    )
    rooms = {
        int(code): _rooms(portfolio, int(code)) for code in np.unique(portfolio.segment_product)
    }
    rate = portfolio.terms.buyer_irr
    return capped(uncapped, portfolio.segment_product, balance, rooms, annual_rate=rate)


def _rooms(portfolio: Portfolio, product: int) -> Rooms | None:
    """What is left of the claims of a product's loans; None where none has been paid on."""
    mine = portfolio.scores.product == product
    room, payers = portfolio.room[mine], portfolio.scores.payers[mine]
    if (room == 1).all():
        return None
    weight = portfolio.balance[mine]
    starts = weight * (1 - payers) * portfolio.expected[mine]
    return Rooms(spread_of(room, weight * payers), spread_of(room, starts))
