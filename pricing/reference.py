"""Brute force: every loan of every path is drawn. Slow, obvious, and used only to check.

Shares no recursion, no counts, no nodes, no segment means and no cap ratio with the engines; it
takes every loan's own odds, the product parameters and the factors, which are the model itself.
"""

import numpy as np

from pricing.canonical import FloatArray
from pricing.factors import FactorBlock
from pricing.plan import Plan
from pricing.portfolio import OwnOdds


def brute_force(plan: Plan, factors: FactorBlock, rng: np.random.Generator) -> FloatArray:
    """Net cash of the pool, one row per path of `factors`, (paths, T), major units."""
    own = plan.portfolio.own_odds()
    paths = [
        _one_path(plan, own, factors.rows(path, path + 1), rng)
        for path in range(len(factors.ticket))
    ]
    return np.stack(paths)


def _one_path(
    plan: Plan, own: OwnOdds, factors: FactorBlock, rng: np.random.Generator
) -> FloatArray:
    portfolio, chain, costs = plan.portfolio, plan.chain, plan.costs
    segment, balance = portfolio.segment, portfolio.balance
    keep, settle = chain.keep[segment], chain.settle[segment]
    instalment, lump = uncapped_tickets(plan)
    room = balance * portfolio.room
    paying = rng.random(len(balance)) < portfolio.scores.payers
    is_open = np.ones(len(balance), np.bool_)
    net = np.empty(plan.terms.horizon_months)
    level = factors.level[0, segment] * own.factor
    for month in range(len(net)):
        odds = (own.by_kind[:, month] * factors.macro[0, month])[own.kind] * level
        draw = rng.random(len(balance))
        closes = paying & (draw < settle)
        stays = paying & ~closes & (draw < settle + keep)
        starts = is_open & ~paying & (draw < odds / (1 + odds))
        is_open &= ~closes
        paying = stays | starts
        receipt = np.zeros(len(balance))
        for who, ticket in ((paying, instalment), (closes, lump)):
            receipt[who] = _tickets(ticket[who], balance[who], rng) * factors.ticket[0]
        receipt = np.minimum(receipt, room)
        room -= receipt
        net[month] = ((1 - costs.fee_share[segment]) * receipt).sum()
        net[month] -= costs.work[segment][is_open].sum()
    net[0] -= portfolio.case_cost.sum()
    return net


def _tickets(ticket: FloatArray, balance: FloatArray, rng: np.random.Generator) -> FloatArray:
    mean, shape = ticket[:, 0], ticket[:, 1]
    return balance * rng.standard_gamma(shape) * mean / shape


def uncapped_tickets(plan: Plan) -> tuple[FloatArray, FloatArray]:
    """Mean and shape of each loan's instalment and lump sum before the claim cuts them."""
    portfolio = plan.portfolio
    products = [portfolio.calibration.products[code] for code in portfolio.segment_product]
    scale = portfolio.calibration.scales[portfolio.loans.basis]
    instalment = [(one.instalment_mean * scale, one.instalment_shape) for one in products]
    lump = [(one.lump_mean * scale, one.lump_shape) for one in products]
    return np.array(instalment)[portfolio.segment], np.array(lump)[portfolio.segment]


def loan_months(plan: Plan, paths: int) -> int:
    """Work of a brute force run: loans x months x paths."""
    return len(plan.portfolio.balance) * plan.terms.horizon_months * paths
