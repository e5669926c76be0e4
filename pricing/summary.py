"""From parts to the result: every figure is a function of (plan, parts in block order)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from pricing.allocation import LoanShares, allocate
from pricing.blocks import Part, mean_flow
from pricing.canonical import FloatArray, frozen
from pricing.loans import LIVE, STATUSES, Loans
from pricing.mixture import mean_below, mixture_quantile
from pricing.plan import Plan
from pricing.portfolio import Portfolio
from pricing.result import ExcludedRow, Histogram, Provenance, Result, SegmentRow
from pricing.returns import annual_irr, discount_factors, payback_month
from pricing.segmentation import AGE_EDGES, AGE_NAMES
from pricing.terms import BLOCK
from pricing.version import ENGINE_VERSION
from pricing.whatif import bridge, gross_cash, net_cash, present_value, sensitivities

ENOUGH_PAYERS = 10.0  # from here the cumulant mixture is used for quantiles, below the paths
TAIL = 0.05
BINS = 40
FEWEST_BLOCKS = 4


def summarise(plan: Plan, parts: Sequence[Part]) -> Result:
    """All figures of the run; parts in block order."""
    terms, loans, calibration = plan.terms, plan.portfolio.loans, plan.portfolio.calibration
    flow = mean_flow([part.flow for part in parts])
    cumulants = np.concatenate([part.cumulants for part in parts])
    paths = np.concatenate([part.net for part in parts])
    values = paths @ discount_factors(terms.buyer_irr, terms.horizon_months)
    cash = net_cash(plan, flow)
    price = present_value(cash, terms.buyer_irr)
    shares = allocate(plan, flow, price)
    std_error = _std_error(cumulants[:, 0])
    levels = list(terms.quantiles)
    running = np.cumsum(paths, axis=1)
    rates = _rates(plan, cash, paths, price)
    quantiles, tail = _value_quantiles(plan, cumulants, values)
    return Result(
        calibration=calibration.label,
        is_fitted=calibration.is_fitted,
        currency=loans.currency,
        basis=loans.basis,
        loans=len(loans),
        face=loans.face,
        mean=price,
        sd=float(np.sqrt(max(cumulants[:, 1].mean() + cumulants[:, 0].var(), 0))),
        std_error=std_error,
        quantiles=quantiles,
        price=price,
        irr=rates.irr,
        irr_quantiles=rates.quantiles,
        multiple=float(cash.sum() / price) if price > 0 else None,
        payback_months=payback_month(cash, price) if price > 0 else None,
        loss_probability=float((running[:, -1] < price).mean()),
        expected_shortfall=price - tail,
        seller_reserve=present_value(cash, terms.seller_rate),
        monthly_cash=frozen(cash),
        cash_quantiles=frozen(np.quantile(paths, levels, axis=0)),
        cumulative_mean=frozen(np.cumsum(cash)),
        cumulative_quantiles=frozen(np.quantile(running, levels, axis=0)),
        gross_mean=frozen(gross_cash(plan, flow)),
        npv_histogram=_histogram(values),
        sensitivities=sensitivities(plan, flow, price),
        bridge=bridge(plan, flow, price),
        segments=_segment_table(plan.portfolio, shares),
        excluded=_excluded(loans),
        notes=_notes(plan),
        allocation=shares.price,
        provenance=_provenance(plan, std_error, len(paths)),
    )


def _value_quantiles(
    plan: Plan, cumulants: FloatArray, values: FloatArray
) -> tuple[dict[float, float], float]:
    """Quantiles of the value, and its mean in the worst 5 %."""
    levels = plan.terms.quantiles
    if plan.portfolio.effective_payers >= ENOUGH_PAYERS:
        found = {level: mixture_quantile(level, cumulants) for level in levels}
        return found, mean_below(mixture_quantile(TAIL, cumulants), cumulants)
    sampled = np.quantile(values, levels)
    worst = np.sort(values)[: max(1, int(TAIL * len(values)))]
    return dict(zip(levels, sampled.tolist(), strict=True)), float(worst.mean())


@dataclass(frozen=True)
class _Rates:
    irr: float | None
    quantiles: dict[float, float] | None


def _rates(plan: Plan, cash: FloatArray, paths: FloatArray, price: float) -> _Rates:
    """Annual rates of expected and of simulated cash; none where there is no price to earn on."""
    if price <= 0:
        return _Rates(None, None)
    levels = plan.terms.quantiles
    simulated = np.quantile(annual_irr(paths, price), levels).tolist()
    return _Rates(
        irr=float(annual_irr(cash[None, :], price)[0]),
        quantiles=dict(zip(levels, simulated, strict=True)),
    )


def _std_error(means: FloatArray) -> float:
    """Error of the mean over Sobol points from block means; blocks balance each other, so this is
    an upper estimate. With few blocks the (larger) error of independent paths."""
    blocks = len(means) // BLOCK
    if blocks < FEWEST_BLOCKS:
        return float(means.std(ddof=1) / np.sqrt(len(means)))
    return float(means.reshape(blocks, BLOCK).mean(axis=1).std(ddof=1) / np.sqrt(blocks))


def _histogram(values: FloatArray) -> Histogram:
    counts, edges = np.histogram(values, bins=BINS)
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def _segment_table(portfolio: Portfolio, shares: LoanShares) -> tuple[SegmentRow, ...]:
    """Live loans by product of the calibration and age bucket; values sum to the price."""
    names = [product.name for product in portfolio.calibration.products]
    bucket = np.digitize(portfolio.age, AGE_EDGES)
    keys, row = np.unique(portfolio.scores.product * len(AGE_NAMES) + bucket, return_inverse=True)
    count = np.bincount(row)
    sums = [
        np.bincount(row, column).tolist()
        for column in (
            portfolio.balance,
            shares.cash[portfolio.live],
            shares.price[portfolio.live],
        )
    ]
    table = []
    for place, key in enumerate(keys.tolist()):
        product, age = names[key // len(AGE_NAMES)], AGE_NAMES[key % len(AGE_NAMES)]
        amounts = [column[place] for column in sums]
        table.append(
            SegmentRow(f"{product}, {age} months", product, age, int(count[place]), *amounts)
        )
    return tuple(table)


def _excluded(loans: Loans) -> tuple[ExcludedRow, ...]:
    rows = []
    for code, status in enumerate(STATUSES):
        mine = loans.status == code
        if status != LIVE and mine.any():
            rows.append(ExcludedRow(status, int(mine.sum()), float(loans.balance[mine].sum())))
    return tuple(rows)


def _notes(plan: Plan) -> tuple[str, ...]:
    notes = list(plan.portfolio.scores.notes)
    calibration = plan.portfolio.calibration
    if not calibration.is_fitted:
        notes.insert(0, f"calibration {calibration.name}: reference, not fitted")
    last = plan.portfolio.age.max() + plan.terms.horizon_months
    if last > calibration.knots[-1]:
        notes.append(
            f"the curve is known to month {calibration.knots[-1]:.0f} after charge-off and goes on "
            f"in a straight line of log-odds to month {last}"
        )
    if plan.portfolio.effective_payers < ENOUGH_PAYERS:
        notes.append("few effective payers: quantiles come from simulated counts, not cumulants")
    return tuple(notes)


def _provenance(plan: Plan, std_error: float, paths: int) -> Provenance:
    portfolio = plan.portfolio
    few = portfolio.effective_payers < ENOUGH_PAYERS
    return Provenance(
        engine_version=ENGINE_VERSION,
        calibration_hash=portfolio.calibration.content_hash,
        terms_hash=plan.terms.content_hash,
        loans_hash=portfolio.loans.content_hash,
        seed=plan.terms.seed,
        paths=paths,
        block=BLOCK,
        std_error=std_error,
        segments=portfolio.segments,
        effective_payers=portfolio.effective_payers,
        quantile_engine="paths" if few else "cumulants",
        numpy_version=np.__version__,
        scipy_version=scipy.__version__,
    )
