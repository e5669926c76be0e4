"""Both engines against the brute force, on the same factors."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from pricing.blocks import simulate_block, thread_count, value_cumulants
from pricing.calibration import Calibration, FactorRisk
from pricing.canonical import FloatArray
from pricing.factors import factor_block, normals
from pricing.mixture import mixture_cdf, mixture_quantile, path_cdf
from pricing.plan import Plan, plan_of
from pricing.reference_events import brute_force_by_event
from pricing.returns import discount_factors
from pricing.synthetic import synthetic_loans
from pricing.terms import BLOCK, Terms

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
SMALL = 500  # pools below this many loans have twice the quantile limit
QUANTILE_LIMIT, SD_LIMIT = 0.005, 0.01
NOISE = 2.0  # standard errors of the brute force by which a limit must be missed
CONFIDENCE = 0.999
COUNTED_BLOCKS = 16  # engine B is drawn too: as many of its paths say enough
GRID = 2048
ENOUGH_BLOCKS = ((SMALL, 1024), (5_000, 512), (np.inf, 256))
BRUTE_STREAM = 2


@dataclass(frozen=True)
class Comparison:
    """One pool. paths: of the brute force. ks_a: distance of its values from engine A's
    distribution. ks_b: two-sample distance to engine B on the first paths. quantile_errors:
    engine A less brute force, relative, and quantile_noise: their standard errors with the factors
    given. sd_error, sd_noise: the same of the standard deviation."""

    loans: int
    is_risky: bool
    paths: int
    ks_a: float
    ks_a_limit: float
    ks_b: float
    ks_b_limit: float
    quantile_errors: tuple[float, ...]
    quantile_noise: tuple[float, ...]
    quantile_limit: float
    sd_error: float
    sd_noise: float

    @property
    def _distances(self) -> tuple[tuple[float, float, float], ...]:
        """Error, noise and limit of every relative figure."""
        quantiles = zip(self.quantile_errors, self.quantile_noise, strict=True)
        return (
            *((error, noise, self.quantile_limit) for error, noise in quantiles),
            (self.sd_error, self.sd_noise, SD_LIMIT),
        )

    @property
    def is_within(self) -> bool:
        """Whether no error is beyond its limit by more than the brute force can be wrong."""
        near = all(abs(error) <= limit + NOISE * noise for error, noise, limit in self._distances)
        return near and self.ks_a <= self.ks_a_limit and self.ks_b <= self.ks_b_limit

    @property
    def verdict(self) -> str:
        """Whether all errors are inside their limits as measured, or only within the noise."""
        if not self.is_within:
            return "BEYOND LIMITS"
        as_measured = all(abs(error) <= limit for error, _, limit in self._distances)
        return "ok" if as_measured else "ok within the noise of the brute force"


def without_risk(calibration: Calibration) -> Calibration:
    """The same behaviour with every systematic factor switched off."""
    return replace(
        calibration,
        factors=FactorRisk(pool=0.0, group=0.0, macro=0.0, phi=0.0, amount=0.0),
        products=tuple(replace(product, parameter_sd=0.0) for product in calibration.products),
    )


def enough_blocks(loans: int) -> int:
    """Blocks of the brute force whose noise is a fraction of the limits; small pools scatter more
    and cost less."""
    return next(blocks for most, blocks in ENOUGH_BLOCKS if loans <= most)


@dataclass(frozen=True)
class _Sample:
    """Values at the buyer's rate: of the brute force and of engine A's cumulants on every path,
    of engine B on the first paths."""

    truth: FloatArray
    cumulants: FloatArray
    counted: FloatArray


def compare(calibration: Calibration, loans: int, blocks: int, seed: int) -> Comparison:
    """Value one synthetic pool three ways, on the same factors."""
    terms = Terms(paths=BLOCK, seed=seed)
    rng = np.random.default_rng(seed)
    plan = plan_of(synthetic_loans(loans, rng), calibration, terms)
    sample = _sample(plan, blocks)
    paths, critical = len(sample.truth), float(stats.kstwobign.ppf(CONFIDENCE))
    limit = QUANTILE_LIMIT * (2 if loans < SMALL else 1)
    quantiles = [_quantile(level, sample) for level in LEVELS]
    sd_error, sd_noise = _sd_error(sample)
    counted = sample.counted
    return Comparison(
        loans=loans,
        is_risky=calibration.factors.pool > 0,
        paths=paths,
        ks_a=_ks(sample),
        ks_a_limit=critical / np.sqrt(paths),
        ks_b=float(stats.ks_2samp(counted, sample.truth[: len(counted)]).statistic),
        ks_b_limit=critical * np.sqrt(2 / len(counted)),
        quantile_errors=tuple(one.error for one in quantiles),
        quantile_noise=tuple(one.noise for one in quantiles),
        quantile_limit=limit,
        sd_error=sd_error,
        sd_noise=sd_noise,
    )


def _sample(plan: Plan, blocks: int) -> _Sample:
    terms = plan.terms
    discount = discount_factors(terms.buyer_irr, terms.horizon_months)

    def one(block: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        factors = factor_block(plan.factors, normals(plan.factors, terms.seed, block))
        rng = np.random.default_rng((terms.seed, BRUTE_STREAM, block))
        truth = brute_force_by_event(plan, factors, rng) @ discount
        if block >= COUNTED_BLOCKS:
            return truth, value_cumulants(plan, factors), np.empty(0)
        part = simulate_block(plan, block)
        return truth, part.cumulants, part.net @ discount

    with ThreadPoolExecutor(thread_count(blocks)) as pool:
        parts = zip(*pool.map(one, range(blocks)), strict=True)
        return _Sample(*(np.concatenate(part) for part in parts))


def _ks(sample: _Sample) -> float:
    """Kolmogorov-Smirnov distance of the brute force from the mixture, on a fine grid of values:
    the mixture is continuous and no grid cell holds more than 1 / GRID of the brute force."""
    truth = np.sort(sample.truth)
    place = np.unique(np.linspace(0, len(truth) - 1, GRID).astype(np.int64))
    exact = np.array([mixture_cdf(x, sample.cumulants) for x in truth[place]])
    below, upto = place / len(truth), (place + 1) / len(truth)
    return float(np.maximum(exact - below, upto - exact).max())


@dataclass(frozen=True)
class _Quantile:
    """Error of a quantile of engine A, and the brute force's noise."""

    error: float
    noise: float


def _quantile(level: float, sample: _Sample) -> _Quantile:
    """The standard error of the brute force is that with given factors: both used the same."""
    found = mixture_quantile(level, sample.cumulants)
    below = path_cdf(found, sample.cumulants)
    step = 1e-3 * abs(found)
    rise = mixture_cdf(found + step, sample.cumulants) - mixture_cdf(found - step, sample.cumulants)
    density = rise / (2 * step)
    spread = float(np.sqrt((below * (1 - below)).sum())) / len(below)
    error = found / float(np.quantile(sample.truth, level)) - 1
    return _Quantile(error, spread / density / abs(found))


def _sd_error(sample: _Sample) -> tuple[float, float]:
    """Relative error of the standard deviation, and its noise with the factors given."""
    mean, variance, third = sample.cumulants.T
    fourth = 1.5 * third**2 / np.maximum(variance, 1e-300)  # of a Gamma
    total = float(variance.mean() + mean.var())
    shift = mean - mean.mean()
    square = 4 * shift**2 * variance + 2 * variance**2  # variance of (value - mean)^2 on a path
    square += 4 * shift * third + fourth
    noise = float(np.sqrt(square.sum())) / len(mean) / (2 * total)
    return float(np.sqrt(total)) / float(sample.truth.std()) - 1, noise


def lines(comparison: Comparison) -> Iterator[str]:
    """The comparison for a terminal."""
    one = comparison
    factors = "on" if one.is_risky else "off"
    yield f"{one.loans:,} loans, factors {factors}, {one.paths:,} paths: {one.verdict}"
    yield f"  KS engine A {one.ks_a:.4f} (limit {one.ks_a_limit:.4f})"
    yield f"  KS engine B {one.ks_b:.4f} (limit {one.ks_b_limit:.4f})"
    for level, error, noise in zip(LEVELS, one.quantile_errors, one.quantile_noise, strict=True):
        limit = f"limit {one.quantile_limit:.1%}, noise {noise:.3%}"
        yield f"  q{level:<5g} error {error:+.3%} ({limit})"
    yield f"  sd     error {one.sd_error:+.3%} (limit {SD_LIMIT:.1%}, noise {one.sd_noise:.3%})"
