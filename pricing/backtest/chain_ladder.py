"""Chain ladder on cash triangles: Mack's law and the over-dispersed Poisson bootstrap.

Baselines of the backtest. A triangle is incremental cash by cohort (rows) and development period
(columns), major units, NaN where not yet known; known cells of a row come first.
"""

from dataclasses import dataclass

import numpy as np

from pricing.canonical import BoolArray, FloatArray
from pricing.errors import PricingError

LEAST_MEAN = 1e-9


@dataclass(frozen=True)
class Development:
    """factor, variance: (periods - 1,) of the step from period j to j + 1 (Mack 1993, eq. 3, 4)."""

    factor: FloatArray
    variance: FloatArray


def development(cumulative: FloatArray) -> Development:
    """Volume-weighted factors and their variances; the last variance is extrapolated as Mack does.

    cumulative: (cohorts, periods), NaN where unknown.
    """
    periods = cumulative.shape[1]
    factor, variance = np.ones(periods - 1), np.zeros(periods - 1)
    for step in range(periods - 1):
        now, then = cumulative[:, step], cumulative[:, step + 1]
        known = np.isfinite(then) & (now > 0)
        if not known.any():
            raise PricingError(f"no cohort has developed beyond period {step + 1}")
        now, then = now[known], then[known]
        factor[step] = then.sum() / now.sum()
        if len(now) > 1:
            spread = now * (then / now - factor[step]) ** 2
            variance[step] = spread.sum() / (len(now) - 1)
        elif step >= 2:
            last, before = variance[step - 1], variance[step - 2]
            variance[step] = min(last**2 / before, before, last) if before > 0 else 0.0
    return Development(factor, variance)


def mack(cumulative: FloatArray, row: int, upto: int) -> tuple[float, float]:
    """Mean and standard error of a row's cumulative cash at the end of period `upto` (from 1).

    Process and estimation error (Mack 1993, theorem 3, to a period short of the last).
    """
    law = development(cumulative)
    known = np.isfinite(cumulative)
    start = int(known[row].sum()) - 1
    reached = float(cumulative[row, start])
    mean, relative = reached, 0.0
    for step in range(start, upto - 1):
        basis = cumulative[known[:, step + 1], step].sum()
        ratio = law.variance[step] / law.factor[step] ** 2
        relative += ratio * (1 / max(mean, LEAST_MEAN) + 1 / max(basis, LEAST_MEAN))
        mean *= law.factor[step]
    return mean, mean * float(np.sqrt(relative))


@dataclass(frozen=True)
class OdpFit:
    """Fitted incremental cash, (cohorts, periods), Pearson residuals of the cells free to move,
    adjusted for degrees of freedom, and the dispersion."""

    known: BoolArray
    fitted: FloatArray
    residuals: FloatArray
    dispersion: float


def odp_fit(incremental: FloatArray) -> OdpFit:
    """Over-dispersed Poisson model by back-fitting the chain ladder (England & Verrall 2002).

    Every row has a known cell. Residuals are (C - m) / sqrt(m), times sqrt(n / (n - p)); cells
    with m = 0 tell nothing and are left out of the urn.
    """
    known = np.isfinite(incremental)
    level, share = _levels(np.nan_to_num(incremental), known)
    fitted = level[:, None] * share
    free = known & (fitted > LEAST_MEAN)
    raw = (incremental[free] - fitted[free]) / np.sqrt(fitted[free])
    cells, parameters = int(known.sum()), known.shape[0] + known.shape[1] - 1
    freedom = max(cells - parameters, 1)
    dispersion = float((raw**2).sum()) / freedom
    return OdpFit(known, fitted, raw * np.sqrt(cells / freedom), dispersion)


def odp_bootstrap(
    incremental: FloatArray, window: tuple[int, int], draws: int, rng: np.random.Generator
) -> FloatArray:
    """Cash of every row in periods first+1..upto, process noise included, (draws, rows); the last
    column is a row whose level is that of all known rows together: its exposure is theirs.

    window: (first, upto). Residuals are drawn with replacement, the chain ladder is run again on
    each pseudo triangle, and cells are drawn from a Gamma of variance dispersion x mean.
    """
    first, upto = window
    fit = odp_fit(incremental)
    noise = rng.choice(fit.residuals, (draws, *fit.known.shape))
    pseudo = np.where(fit.known, fit.fitted + noise * np.sqrt(np.maximum(fit.fitted, 0)), 0.0)
    level, share = _levels(pseudo, fit.known)
    level = np.concatenate([level, level.sum(axis=1, keepdims=True)], axis=1)
    mean = np.maximum(level[:, :, None] * share[:, None, first:upto], LEAST_MEAN)
    if fit.dispersion <= 0:
        return np.asarray(mean.sum(axis=2), dtype=np.float64)
    drawn = rng.standard_gamma(mean / fit.dispersion) * fit.dispersion
    return np.asarray(drawn.sum(axis=2), dtype=np.float64)


def _levels(incremental: FloatArray, known: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Chain ladder on (..., rows, periods) with zeros where unknown: ultimate of each row,
    (..., rows), and share of it that comes in each period, (..., periods)."""
    total = np.cumsum(incremental, axis=-1)
    both = known[:, 1:]
    now, then = ((part * both).sum(axis=-2) for part in (total[..., :-1], total[..., 1:]))
    factor = np.maximum(then, LEAST_MEAN) / np.maximum(now, LEAST_MEAN)
    ones = np.ones((*factor.shape[:-1], 1))
    grown = np.concatenate([ones, np.cumprod(factor, axis=-1)], axis=-1)
    grown /= grown[..., -1:]
    last = known.sum(axis=1) - 1
    return total[..., -1] / grown[..., last], np.diff(grown, prepend=0.0, axis=-1)
