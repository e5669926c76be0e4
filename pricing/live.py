"""Engine A alone: the figures of a screen that people change assumptions on.

Price, quantiles and their error are those of the full run: same plan, same factors, same formulas.
The fan of cumulative receipts is not simulated but built from conditional means (see `fan_of`); the
joint figures of engine B (IRR by path, waterfall) are left to a full run.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pricing.blocks import mean_flow, thread_count, value_cumulants
from pricing.canonical import FloatArray, frozen
from pricing.factors import FactorBlock, factor_block, normals
from pricing.mixture import mixture_cdf, mixture_quantile
from pricing.moments import Flow, hazard, pool_cumulants, receipt_scale, unit_moments
from pricing.plan import Plan
from pricing.result import Histogram
from pricing.returns import payback_month
from pricing.summary import ENOUGH_PAYERS, notes_on, refuse_beyond_floats, std_error
from pricing.whatif import gross_cash, net_cash, present_value

BINS, EDGE = 40, 0.001  # histogram between the 0.1 and 99.9 % quantiles
WHOLE = 1_000_000  # its counts add up to about this
KEPT = 128  # blocks of variates, about 0.2 MB each
SPREAD_STREAM = 2  # beside the factor and count streams


@dataclass(frozen=True)
class LiveFigures:
    """Named as in `Result`; money in major units, unrounded.

    quantiles_from: `cumulants`, or `few payers` where the full run would simulate them instead.
    """

    calibration: str
    is_fitted: bool
    currency: str
    basis: str
    loans: int
    face: float
    price: float
    sd: float
    std_error: float
    quantiles: dict[float, float]
    loss_probability: float
    multiple: float | None
    payback_months: int | None
    seller_reserve: float
    monthly_cash: FloatArray
    gross_mean: FloatArray
    cumulative_mean: FloatArray
    cumulative_quantiles: FloatArray
    npv_histogram: Histogram
    notes: tuple[str, ...]
    segments: int
    paths: int
    quantiles_from: str


@dataclass(frozen=True)
class _Block:
    """cumulants (paths, 3) of the value; net (paths, T) expected cash of each path; flow."""

    cumulants: FloatArray
    net: FloatArray
    flow: Flow


def live_figures(plan: Plan) -> LiveFigures:
    """Value a plan by engine A; about a fiftieth of a full run's work. Raises NotFinite."""
    terms, portfolio = plan.terms, plan.portfolio
    with ThreadPoolExecutor(thread_count(terms.blocks)) as pool:
        blocks = list(pool.map(lambda block: _block(plan, block), range(terms.blocks)))
    flow = mean_flow([block.flow for block in blocks])
    cumulants = np.concatenate([block.cumulants for block in blocks])
    fan = fan_of(plan, np.concatenate([block.net for block in blocks]))
    cash = net_cash(plan, flow)
    refuse_beyond_floats(cash=cash, cumulants=cumulants, fan=fan)
    price = present_value(cash, terms.buyer_irr)
    levels = list(terms.quantiles)
    calibration, loans = portfolio.calibration, portfolio.loans
    return LiveFigures(
        calibration=calibration.label,
        is_fitted=calibration.is_fitted,
        currency=loans.currency,
        basis=loans.basis,
        loans=len(loans),
        face=loans.face,
        price=price,
        sd=float(np.sqrt(max(cumulants[:, 1].mean() + cumulants[:, 0].var(), 0))),
        std_error=std_error(cumulants[:, 0]),
        quantiles={level: mixture_quantile(level, cumulants) for level in levels},
        loss_probability=float((fan[:, -1] < price).mean()),
        multiple=float(cash.sum() / price) if price > 0 else None,
        payback_months=payback_month(cash, price) if price > 0 else None,
        seller_reserve=present_value(cash, terms.seller_rate),
        monthly_cash=frozen(cash),
        gross_mean=frozen(gross_cash(plan, flow)),
        cumulative_mean=frozen(np.cumsum(cash)),
        cumulative_quantiles=frozen(np.quantile(fan, levels, axis=0)),
        npv_histogram=_histogram(cumulants),
        notes=notes_on(plan),
        segments=portfolio.segments,
        paths=terms.paths,
        quantiles_from="cumulants" if portfolio.effective_payers >= ENOUGH_PAYERS else "few payers",
    )


def live_price(plan: Plan) -> float:
    """The price alone, equal to `live_figures(plan).price`. Raises NotFinite."""
    with ThreadPoolExecutor(thread_count(plan.terms.blocks)) as pool:
        flows = pool.map(lambda b: _expected(plan, _factors(plan, b))[0], range(plan.terms.blocks))
        price = present_value(net_cash(plan, mean_flow(list(flows))), plan.terms.buyer_irr)
    refuse_beyond_floats(price=np.array([price]))
    return price


def fan_of(plan: Plan, net: FloatArray) -> FloatArray:
    """Cumulative net cash of each path and month, (paths, T), with the borrowers' own luck in it.

    net: (paths, T) expected cash given the path's factors. Given the factors, receipts arrive much
    like a compound Poisson stream, whose variance to mean ratio is the same at every month; the
    ratio is the exact one at the horizon (undiscounted cumulants of the first block). The spread is
    Gamma, by the cube-root transform of Wilson and Hilferty (1931), one normal per path. Each
    month's quantiles stand by themselves; a row is not a path of cash.
    """
    factors = _factors(plan, 0)
    moments = unit_moments(plan.chain, factors, plan.net_share, 0.0)
    whole = pool_cumulants(moments, plan.portfolio.power)
    total = float(whole[:, 0].sum())
    ratio = float(whole[:, 1].sum()) / total if total > 0 else 0.0
    mean = np.cumsum(net, axis=1)
    if ratio <= 0:
        return mean
    stream = np.random.SeedSequence((plan.terms.seed, SPREAD_STREAM))
    normal = np.random.default_rng(stream).standard_normal((len(net), 1))
    held = np.cumsum(np.maximum(net, 0), axis=1)  # costs are certain: receipts alone scatter
    shape = np.maximum(held / ratio, 1e-12)
    drawn = np.maximum(1 - 1 / (9 * shape) + normal / (3 * np.sqrt(shape)), 0) ** 3
    return np.asarray(mean + held * (np.where(shape < 1 / 9, 1, drawn) - 1), dtype=np.float64)


def _block(plan: Plan, block: int) -> _Block:
    factors = _factors(plan, block)
    flow, net = _expected(plan, factors)
    return _Block(value_cumulants(plan, factors), net, flow)


_kept: dict[tuple[int, int, int], FloatArray] = {}


def _factors(plan: Plan, block: int) -> FactorBlock:
    """Factors of a block; its normal variates depend on no assumption but seed and dimension."""
    key = (plan.factors.dimension, plan.terms.seed, block)
    found = _kept.get(key)
    if found is None:
        found = normals(plan.factors, plan.terms.seed, block)
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[key] = found
    return factor_block(plan.factors, found)


def _expected(plan: Plan, factors: FactorBlock) -> tuple[Flow, FloatArray]:
    """As `moments.expected_flow`, and the pool's expected net cash of every path, (paths, T)."""
    chain, power = plan.chain, plan.portfolio.power
    weight = receipt_scale(chain, factors)
    kept, work = power[:, 1] * plan.net_share, power[:, 0] * plan.costs.work
    paying = np.broadcast_to(chain.payers, factors.level.shape).copy()
    dormant = 1 - paying
    cash, live = np.empty_like(chain.odds), np.empty_like(chain.odds)
    net = np.empty((len(factors.ticket), chain.odds.shape[1]))
    for month in range(chain.odds.shape[1]):
        started = dormant * hazard(chain, factors, month)
        dormant += chain.broken * paying - started
        receipt = paying * (chain.settle * chain.lump[:, month, 0])
        paying *= chain.keep
        paying += started
        receipt += paying * chain.instalment[:, month, 0]
        receipt *= weight
        standing = dormant + paying
        cash[:, month], live[:, month] = receipt.mean(axis=0), standing.mean(axis=0)
        net[:, month] = receipt @ kept - standing @ work
    net[:, 0] -= plan.costs.case.sum()
    return Flow(cash, live), net


def _histogram(cumulants: FloatArray) -> Histogram:
    low, high = (mixture_quantile(level, cumulants) for level in (EDGE, 1 - EDGE))
    if high <= low:
        return Histogram((low, low + 1), (WHOLE,))
    edges = np.linspace(low, high, BINS + 1)
    below = [mixture_cdf(float(edge), cumulants) for edge in edges]
    return Histogram(tuple(edges.tolist()), _counts(below))


def _counts(below: Sequence[float]) -> tuple[int, ...]:
    return tuple(max(round(WHOLE * part), 0) for part in np.diff(below))
