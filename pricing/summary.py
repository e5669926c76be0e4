"""From parts to the result: every figure is a function of (plan, parts in block order)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from pricing.allocation import LoanShares, allocate
from pricing.blocks import Part, mean_flow
from pricing.canonical import FloatArray, frozen
from pricing.errors import NotFinite
from pricing.loans import LIVE, STATUSES, Loans
from pricing.mixture import mean_below, mixture_quantile
from pricing.moments import Flow
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


@dataclass(frozen=True)
class _Run:
    """All parts together: expected flow, net cash (T,) and price, cumulants (paths, 3), simulated
    net cash (paths, T) and its running sum, quantiles of the value, mean of the worst 5 %."""

    flow: Flow
    cash: FloatArray
    price: float
    cumulants: FloatArray
    paths: FloatArray
    running: FloatArray
    values: FloatArray
    quantiles: dict[float, float]
    tail: float


def _run(plan: Plan, parts: Sequence[Part]) -> _Run:
    terms = plan.terms
    flow = mean_flow([part.flow for part in parts])
    cash = net_cash(plan, flow)
    cumulants = np.concatenate([part.cumulants for part in parts])
    paths = np.concatenate([part.net for part in parts])
    values = paths @ discount_factors(terms.buyer_irr, terms.horizon_months)
    refuse_beyond_floats(cash=cash, cumulants=cumulants, values=values)
    quantiles, tail = _value_quantiles(plan, cumulants, values)
    return _Run(
        flow=flow,
        cash=cash,
        price=present_value(cash, terms.buyer_irr),
        cumulants=cumulants,
        paths=paths,
        running=np.cumsum(paths, axis=1),
        values=values,
        quantiles=quantiles,
        tail=tail,
    )


def refuse_beyond_floats(**figures: FloatArray) -> None:
    """Raise NotFinite where rates, costs and horizon drove a figure out of a float's range."""
    for name, values in figures.items():
        if not np.isfinite(values).all():
            raise NotFinite(name)


def summarise(plan: Plan, parts: Sequence[Part]) -> Result:
    """All figures of the run; parts in block order."""
    run, levels = _run(plan, parts), list(plan.terms.quantiles)
    loans, calibration = plan.portfolio.loans, plan.portfolio.calibration
    shares = allocate(plan, run.flow, run.price)
    has_price = run.price > 0
    return Result(
        calibration=calibration.label,
        is_fitted=calibration.is_fitted,
        currency=loans.currency,
        basis=loans.basis,
        loans=len(loans),
        face=loans.face,
        mean=run.price,
        sd=float(np.sqrt(max(run.cumulants[:, 1].mean() + run.cumulants[:, 0].var(), 0))),
        std_error=std_error(run.cumulants[:, 0]),
        quantiles=run.quantiles,
        price=run.price,
        irr=float(annual_irr(run.cash[None, :], run.price)[0]) if has_price else None,
        irr_quantiles=_by_level(levels, annual_irr(run.paths, run.price)) if has_price else None,
        multiple=float(run.cash.sum() / run.price) if has_price else None,
        payback_months=payback_month(run.cash, run.price) if has_price else None,
        loss_probability=float((run.running[:, -1] < run.price).mean()),
        expected_shortfall=run.price - run.tail,
        seller_reserve=present_value(run.cash, plan.terms.seller_rate),
        monthly_cash=frozen(run.cash),
        cash_quantiles=frozen(np.quantile(run.paths, levels, axis=0)),
        cumulative_mean=frozen(np.cumsum(run.cash)),
        cumulative_quantiles=frozen(np.quantile(run.running, levels, axis=0)),
        gross_mean=frozen(gross_cash(plan, run.flow)),
        npv_histogram=_histogram(run.values),
        sensitivities=sensitivities(plan, run.flow, run.price),
        bridge=bridge(plan, run.flow, run.price),
        segments=_segment_table(plan.portfolio, shares),
        excluded=_excluded(loans),
        notes=notes_on(plan),
        allocation=shares.price,
        provenance=_provenance(plan, run),
    )


def _by_level(levels: list[float], sample: FloatArray) -> dict[float, float]:
    return dict(zip(levels, np.quantile(sample, levels).tolist(), strict=True))


def _value_quantiles(
    plan: Plan, cumulants: FloatArray, values: FloatArray
) -> tuple[dict[float, float], float]:
    """Quantiles of the value, and its mean in the worst 5 %."""
    levels = plan.terms.quantiles
    if plan.portfolio.effective_payers >= ENOUGH_PAYERS:
        found = {level: mixture_quantile(level, cumulants) for level in levels}
        return found, mean_below(mixture_quantile(TAIL, cumulants), cumulants)
    worst = np.sort(values)[: max(1, int(TAIL * len(values)))]
    return _by_level(list(levels), values), float(worst.mean())


def std_error(means: FloatArray) -> float:
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
            portfolio.loans.balance[portfolio.live],
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


def notes_on(plan: Plan) -> tuple[str, ...]:
    """What a reader of the figures must know about them, in words."""
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


def _provenance(plan: Plan, run: _Run) -> Provenance:
    portfolio = plan.portfolio
    few = portfolio.effective_payers < ENOUGH_PAYERS
    return Provenance(
        engine_version=ENGINE_VERSION,
        calibration_hash=portfolio.calibration.content_hash,
        terms_hash=plan.terms.content_hash,
        loans_hash=portfolio.loans.content_hash,
        seed=plan.terms.seed,
        paths=len(run.paths),
        block=BLOCK,
        std_error=std_error(run.cumulants[:, 0]),
        segments=portfolio.segments,
        effective_payers=portfolio.effective_payers,
        quantile_engine="paths" if few else "cumulants",
        numpy_version=np.__version__,
        scipy_version=scipy.__version__,
    )
