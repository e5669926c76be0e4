"""Systematic risk from what counts leave over: between cohorts, within cohorts, over the calendar.

All on the ratio observed / expected, whose mean over cohorts is 1 as in the engines; a variance v
of the ratio is a standard deviation sqrt(ln(1 + v)) of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pricing.canonical import BoolArray, FloatArray

LEAST_COHORTS = 8
PHI_GRID = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
MACRO_GRID = tuple(float(sd) for sd in np.geomspace(0.02, 0.8, 14))
PHI_SD, LOG_MACRO_SD = 0.1, 0.5  # how far calendar effects are expected from the base's
LEAST_LEVEL = 0.05
LEAST_WEIGHT = 2e-3


def log_sd(variance: float) -> float:
    """Standard deviation of the log of a log-normal multiplier of mean 1 and this variance."""
    return float(np.sqrt(np.log1p(max(variance, 0.0))))


def ratio_variance(sd: float) -> float:
    """The other way round."""
    return float(np.expm1(sd**2))


@dataclass(frozen=True)
class Ratios:
    """Observed over expected with its sampling variance, equal shapes; NaN where nothing was
    expected."""

    ratio: FloatArray
    noise: FloatArray

    @classmethod
    def of(cls, observed: FloatArray, expected: FloatArray, variance: FloatArray) -> "Ratios":
        """variance: sampling variance of `observed`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(expected > 0, observed / expected, np.nan)
            noise = np.where(expected > 0, variance / expected**2, np.nan)
        return cls(ratio, noise)


def between_variance(ratios: Ratios) -> float:
    """Variance between cohorts, (cohorts,), Buehlmann & Straub 1970: weighted squares around the
    mean, less what sampling explains, not below 0."""
    return nested_variances(Ratios(ratios.ratio[:, None], ratios.noise[:, None]), 0.0)[0]


def nested_variances(ratios: Ratios, within: float | None = None) -> tuple[float, float]:
    """Variances between cohorts and of products within a cohort from (cohorts, products) ratios.

    Moments of nested squares (Buehlmann & Straub 1970 on two levels). within: known variance of
    products within a cohort, where the data have one product.
    """
    has = np.isfinite(ratios.ratio) & (ratios.noise > 0)
    ratio = np.where(has, ratios.ratio, 0.0)
    w = np.where(has, 1 / np.where(has, ratios.noise, 1.0), 0.0)
    W, n = w.sum(axis=1), has.sum()
    total = W.sum()
    if total <= 0:
        return 0.0, within or 0.0
    mean = (w * ratio).sum() / total
    own = (w * ratio).sum(axis=1) / np.where(W > 0, W, 1.0)
    if within is None:
        inside = (w * (ratio - own[:, None]) ** 2).sum() - (n - (W > 0).sum())
        room = W.sum() - ((w**2).sum(axis=1) / np.where(W > 0, W, 1.0)).sum()
        within = max(0.0, float(inside / room)) if room > 1e-12 * total else 0.0
    around = (w * (ratio - mean) ** 2).sum() - (n - 1)
    around -= within * (total - (w**2).sum() / total)
    room = total - (W**2).sum() / total
    between = max(0.0, float(around / room)) if room > 1e-12 * total else 0.0
    return between, within


def credible_levels(ratios: Ratios, between: float, within: float) -> FloatArray:
    """Best linear estimate of each level, (cohorts, products), prior mean 1."""
    levels = np.ones_like(ratios.ratio)
    for row, (ratio, noise) in enumerate(zip(ratios.ratio, ratios.noise, strict=True)):
        has = np.isfinite(ratio) & (noise > 0)
        products = len(ratio)
        prior = between + within * np.eye(products)
        seen = prior[np.ix_(has, has)] + np.diag(noise[has])
        if has.any():
            gain = np.linalg.solve(seen, ratio[has] - 1)
            levels[row] += prior[:, has] @ gain
    return np.maximum(levels, LEAST_LEVEL)


def mean_variance(noise: Sequence[float] | FloatArray, between: float) -> float:
    """Variance of the best weighted mean over cohorts with this sampling noise, for the level of
    one more cohort; infinite noise counts for nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        information = 1 / (between + np.asarray(noise, dtype=np.float64))
    total = float(np.nansum(information))
    return 1 / total if total > 0 else between


@dataclass(frozen=True)
class Macro:
    """Calendar effect: stationary sd of the log, monthly correlation, multiplier by month, and
    the variance that the unknown calendar leaves in the level of the curve."""

    sd: float
    phi: float
    multiplier: FloatArray
    mean_variance: float


def fit_macro(ratios: Ratios, sd: float, phi: float) -> Macro:
    """Restricted likelihood of (months,) ratios around their mean under AR(1) plus sampling noise,
    on a grid, with weak priors at `sd` and `phi`, averaged over the posterior: a few years of
    months say little about a factor that moves over years, and its most likely size is too small
    for what the unknown calendar leaves in the level."""
    laws = [(one_sd, one_phi) for one_sd in MACRO_GRID for one_phi in PHI_GRID]
    scores = np.array(
        [
            _restricted_likelihood(ratios, one_sd, one_phi)
            - (np.log(one_sd / max(sd, 1e-3)) / LOG_MACRO_SD) ** 2 / 2
            - ((one_phi - phi) / PHI_SD) ** 2 / 2
            for one_sd, one_phi in laws
        ]
    )
    weight = np.exp(scores - scores.max())
    weight /= weight.sum()
    sds, phis = np.array(laws).T
    found = calendar_effect(ratios, float(np.sqrt(weight @ sds**2)), float(weight @ phis))
    likely = np.flatnonzero(weight > LEAST_WEIGHT)
    spreads = [calendar_effect(ratios, *laws[one]).mean_variance for one in likely]
    return replace(found, mean_variance=float(weight[likely] @ spreads / weight[likely].sum()))


def calendar_effect(ratios: Ratios, sd: float, phi: float) -> Macro:
    """Best linear estimate of the calendar's multipliers for a given law."""
    has, prior, covariance = _covariances(ratios, sd, phi)
    gain = np.linalg.solve(covariance, np.where(has, ratios.ratio, 1.0)[has] - 1)
    multiplier = 1 + prior[:, has] @ gain
    weight = np.linalg.solve(covariance, np.ones(int(has.sum())))
    share = weight / weight.sum()
    spread = float(share @ prior[np.ix_(has, has)] @ share)
    return Macro(sd, phi, np.maximum(multiplier, LEAST_LEVEL), spread)


def _covariances(ratios: Ratios, sd: float, phi: float) -> tuple[BoolArray, FloatArray, FloatArray]:
    has = np.isfinite(ratios.ratio) & (ratios.noise > 0)
    months = np.arange(len(ratios.ratio))
    prior = np.expm1(sd**2 * phi ** np.abs(np.subtract.outer(months, months)))
    return has, prior, prior[np.ix_(has, has)] + np.diag(ratios.noise[has])


def _restricted_likelihood(ratios: Ratios, sd: float, phi: float) -> float:
    has, _, covariance = _covariances(ratios, sd, phi)
    value = ratios.ratio[has]
    root = np.linalg.cholesky(covariance)
    one, white = (np.linalg.solve(root, column) for column in (np.ones_like(value), value))
    left = white - one * (one @ white) / (one @ one)
    return -float(np.log(np.diag(root)).sum() + (np.log(one @ one) + left @ left) / 2)
