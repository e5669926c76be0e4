"""Forecasts of a deal's cash, each a sample: the model, the truth, and simpler ways."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pricing.backtest.chain_ladder import mack, odp_bootstrap
from pricing.backtest.market import Target
from pricing.blocks import value_cumulants
from pricing.calibration import Calibration, FactorRisk
from pricing.canonical import FloatArray
from pricing.channels import ChannelCost
from pricing.factors import factor_block, normals
from pricing.fit.calendar import as_of
from pricing.fit.seasoned import seasoned
from pricing.history.counts import History
from pricing.plan import Plan, plan_of
from pricing.terms import BLOCK, Terms

MODEL, TRUTH, PLAIN = "model", "truth", "hazard without level factor"
FLAT, CURVE, MACK, ODP = "flat curve", "age x product curve", "Mack chain ladder", "ODP bootstrap"
METHODS = (MODEL, ODP, MACK, CURVE, FLAT, PLAIN, TRUTH)
DRAWS, BLOCKS = 2048, 2
PERIOD = 3  # months of a development period
LEAST_SD = 1e-6


@dataclass(frozen=True)
class Known:
    """What is known at an origin: history, calibration fitted to it, horizon in months."""

    history: History
    calibration: Calibration
    months: int

    @cached_property
    def owed(self) -> FloatArray:
        """Balance by cohort, (cohorts,)."""
        return np.asarray(self.history.balance.sum(axis=0)[:, 0], dtype=np.float64)

    @cached_property
    def triangle(self) -> FloatArray:
        """Incremental cash by cohort and period, NaN where not yet known."""
        history = self.history
        periods = history.ages // PERIOD
        cash = history.cash.sum(axis=0)[:, : periods * PERIOD]
        seen = (history.balance.sum(axis=0) > 0)[:, : periods * PERIOD]
        shape = (len(cash), periods, PERIOD)
        whole = seen.reshape(shape).all(axis=2)
        return np.where(whole, cash.reshape(shape).sum(axis=2), np.nan)


def model_plan(target: Target, calibration: Calibration, months: int, seed: int) -> Plan:
    """Undiscounted receipts before cost over the horizon."""
    free = tuple(ChannelCost(one.name, fee_share=0.0) for one in calibration.channels)
    terms = Terms(horizon_months=months, buyer_irr=0.0, paths=BLOCK, seed=seed, costs=free)
    return plan_of(target.loans, calibration, terms)


def engine_sample(plan: Plan, rng: np.random.Generator) -> FloatArray:
    """Draws of the cumulant mixture: a shifted Gamma per path."""
    seed = plan.terms.seed
    parts = [
        value_cumulants(plan, factor_block(plan.factors, normals(plan.factors, seed, block)))
        for block in range(BLOCKS)
    ]
    mean, variance, third = np.concatenate(parts).repeat(DRAWS // (BLOCKS * BLOCK), axis=0).T
    sd = np.sqrt(np.maximum(variance, 0))
    skew = np.clip(third / np.maximum(sd, 1e-100) ** 3, 1e-2, 1e3)
    shape = 4 / skew**2
    drawn = (rng.standard_gamma(shape) - shape) / np.sqrt(shape)
    return np.asarray(mean + sd * drawn, dtype=np.float64)


def chances_to_pay(plan: Plan) -> FloatArray:
    """Chance of each loan to pay at all within the horizon, (loans,), factors at their mean: a
    running payer pays on or starts again, a dormant loan starts."""
    portfolio = plan.portfolio
    scores, products = portfolio.scores, portfolio.calibration.products
    goes_on = np.array([one.keep + one.settle for one in products])[scores.product]
    hazard = np.empty(len(portfolio.balance))
    for code in np.unique(scores.product):
        mine = scores.product == code
        hazard[mine] = portfolio.windows(int(code)).sum(axis=1)[portfolio.age[mine]]
    hazard *= np.exp(scores.attributes + scores.balance)
    silent = (1 - scores.payers * goes_on) * np.exp(-hazard)
    return np.asarray(1 - silent, dtype=np.float64)


def without_level(calibration: Calibration) -> Calibration:
    """The same curves, tickets and effects; every loan's luck is its own."""
    products = tuple(replace(one, parameter_sd=0.0) for one in calibration.products)
    return replace(calibration, products=products, factors=FactorRisk(0.0, 0.0, 0.0, 0.0, 0.0))


def at_cut_off(calibration: Calibration, own: History | None, month: int) -> Calibration:
    """The calibration as it stands for a pool at the end of a calendar month (year * 12 + month
    - 1): moved by a seasoned pool's own payments, started where the calendar stands."""
    return as_of(calibration, month) if own is None else seasoned(calibration, own)


def flat_sample(known: Known, target: Target, rng: np.random.Generator) -> FloatArray:
    """One rate per month of life for everything, spread as the cohorts are."""
    cash, owed = known.history.cash.sum(axis=0), known.history.balance.sum(axis=0)
    rate = cash.sum() / owed.sum()
    mean = rate * known.months * float(target.loans.owed_at_charge_off.sum())
    return _log_normal(mean, _spread(cash.sum(axis=1), rate * owed.sum(axis=1)), rng)


def curve_sample(known: Known, target: Target, rng: np.random.Generator) -> FloatArray:
    """Cash over balance by age and product, all cohorts together, spread as the cohorts are."""
    history, months = known.history, known.months
    owed = history.balance.sum(axis=1)
    rate = history.cash.sum(axis=1) / np.maximum(owed, 1e-9)
    expected = (rate[:, None, :] * history.balance).sum(axis=(0, 2))
    spread = _spread(history.cash.sum(axis=(0, 2)), expected)
    window = rate[:, target.own_months : target.own_months + months].sum(axis=1)
    names = {name: code for code, name in enumerate(history.products)}
    codes = np.array([names[name] for name in target.loans.products])[target.loans.product]
    return _log_normal(float(target.loans.owed_at_charge_off @ window[codes]), spread, rng)


def mack_sample(known: Known, target: Target, rng: np.random.Generator) -> FloatArray:
    """Mack's chain ladder, the balance as the first column, a log-normal around it."""
    own = target.own_months // PERIOD
    upto = own + known.months // PERIOD
    cumulative = np.cumsum(known.triangle, axis=1)
    cumulative = np.concatenate([known.owed[:, None], cumulative], axis=1)
    row = target.deal
    if own == 0:
        new = np.r_[target.loans.face, np.full(cumulative.shape[1] - 1, np.nan)]
        cumulative, row = np.concatenate([cumulative, new[None, :]]), len(cumulative)
    mean, error = mack(cumulative, row, upto + 1)
    reached = 0.0 if own == 0 else float(cumulative[row, own])
    future = max(mean - reached, 1e-9)
    return _log_normal(future, float(np.sqrt(np.log1p((error / future) ** 2))), rng)


def odp_sample(known: Known, target: Target, rng: np.random.Generator) -> FloatArray:
    """The over-dispersed Poisson bootstrap; a new deal takes the level of all cohorts."""
    own = target.own_months // PERIOD
    window = own, own + known.months // PERIOD
    cash = odp_bootstrap(known.triangle, window, DRAWS // 2, rng)
    if own == 0:
        return np.asarray(cash[:, -1] * (target.loans.face / known.owed.sum()), dtype=np.float64)
    return np.asarray(cash[:, target.deal], dtype=np.float64)


def _spread(observed: FloatArray, expected: FloatArray) -> float:
    """Standard deviation of the cohorts' log ratios, borrowers' luck included."""
    fits = (observed > 0) & (expected > 0)
    logs = np.log(observed[fits] / expected[fits])
    return float(logs.std(ddof=1)) if len(logs) > 1 else 0.0


def _log_normal(mean: float, sd: float, rng: np.random.Generator) -> FloatArray:
    sd = max(sd, LEAST_SD)
    drawn = np.exp(sd * rng.standard_normal(DRAWS) - sd**2 / 2)
    return np.asarray(mean * drawn, dtype=np.float64)
