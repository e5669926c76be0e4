"""Distribution of the pool's value: a mixture over paths of shifted Gammas with 3 cumulants."""

import numpy as np
from scipy import optimize, special

from pricing.canonical import BoolArray, FloatArray

NEARLY_SYMMETRIC = 1e-2  # below this skewness the Gamma shape is too large to evaluate
LEAST_VARIANCE = 1e-200  # its power 3/2 still divides
MOST_SKEW = 1e3


def _standardise(x: float, cumulants: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    mean, variance, third = cumulants.T
    sd = np.sqrt(np.maximum(variance, LEAST_VARIANCE))
    return (x - mean) / sd, sd, np.clip(third / sd**3, -MOST_SKEW, MOST_SKEW)


def _gamma_place(u: FloatArray, skew: FloatArray) -> tuple[BoolArray, FloatArray, FloatArray]:
    """Nearly symmetric paths, Gamma shape of the others, and u on the Gamma's own scale."""
    flat = np.abs(skew) < NEARLY_SYMMETRIC
    shape = 4 / np.where(flat, 1, skew) ** 2
    return flat, shape, np.maximum(shape + np.sqrt(shape) * u * np.sign(skew), 0)


def path_cdf(x: float, cumulants: FloatArray) -> FloatArray:
    """P(value <= x) on each path, (paths,); first-order Edgeworth where nearly symmetric."""
    u, _, skew = _standardise(x, cumulants)
    flat, shape, at = _gamma_place(u, skew)
    gamma = special.gammainc(shape, at)
    edgeworth = special.ndtr(u) - skew / 6 * (u * u - 1) * _density(u)
    cdf = np.where(flat, np.clip(edgeworth, 0, 1), np.where(skew > 0, gamma, 1 - gamma))
    return np.asarray(cdf, dtype=np.float64)


def _density(u: FloatArray) -> FloatArray:
    bounded = np.clip(u, -40, 40)
    return np.asarray(np.exp(-bounded * bounded / 2) / np.sqrt(2 * np.pi), dtype=np.float64)


def mixture_cdf(x: float, cumulants: FloatArray) -> float:
    """P(value <= x); cumulants (paths, 3)."""
    return float(path_cdf(x, cumulants).mean())


def mixture_quantile(probability: float, cumulants: FloatArray) -> float:
    """The value that is not reached with this probability: bracketing and Brent's method."""
    mean, sd = cumulants[:, 0], np.sqrt(np.maximum(cumulants[:, 1], 0))
    low, high = float((mean - 10 * sd).min()), float((mean + 10 * sd).max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        return float(mean.mean())
    while mixture_cdf(high, cumulants) < probability:
        high += high - low
    while mixture_cdf(low, cumulants) > probability:
        low -= high - low
    return float(
        optimize.brentq(
            lambda x: mixture_cdf(x, cumulants) - probability, low, high, xtol=1e-11 * (high - low)
        )
    )


def mean_below(x: float, cumulants: FloatArray) -> float:
    """E[value | value <= x], closed form; x itself where nothing lies below it."""
    u, sd, skew = _standardise(x, cumulants)
    flat, shape, at = _gamma_place(u, skew)
    gamma = np.sqrt(shape) * (special.gammainc(shape + 1, at) - special.gammainc(shape, at))
    u3 = np.clip(u, -40, 40) ** 3
    partial = np.where(flat, -_density(u) * (1 + skew / 6 * u3), gamma)  # E[U; U <= u]
    mass = path_cdf(x, cumulants)
    total = float(mass.sum())
    if total <= 0:
        return x
    return float((cumulants[:, 0] @ mass + sd @ partial) / total)
