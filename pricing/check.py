"""Both engines against the brute force, on the same factors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from pricing.blocks import simulate_block
from pricing.calibration import Calibration, FactorRisk
from pricing.canonical import FloatArray
from pricing.factors import factor_block, normals
from pricing.mixture import mixture_cdf, mixture_quantile, path_cdf
from pricing.plan import plan_of
from pricing.reference import brute_force
from pricing.returns import discount_factors
from pricing.synthetic import synthetic_loans
from pricing.terms import BLOCK, Terms

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
SMALL = 500  # pools below this many loans have twice the quantile limit
QUANTILE_LIMIT, SD_LIMIT = 0.005, 0.01
NOISE = 3.0  # standard errors of the brute force allowed on top of a limit
CONFIDENCE = 0.999


@dataclass(frozen=True)
class Comparison:
    """One pool. ks_a: distance of the brute force's values from engine A's distribution. ks_b:
    two-sample distance to engine B. quantile_errors: engine A less brute force, relative, and
    quantile_noise: their standard errors. sd_error: relative."""

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
    def is_within(self) -> bool:
        """Whether every distance stays within its limit plus the noise of the brute force."""
        near = all(
            abs(error) <= self.quantile_limit + NOISE * noise
            for error, noise in zip(self.quantile_errors, self.quantile_noise, strict=True)
        )
        is_sd_near = abs(self.sd_error) <= SD_LIMIT + NOISE * self.sd_noise
        return near and is_sd_near and self.ks_a <= self.ks_a_limit and self.ks_b <= self.ks_b_limit


def without_risk(calibration: Calibration) -> Calibration:
    """The same behaviour with every systematic factor switched off."""
    return replace(
        calibration,
        factors=FactorRisk(pool=0.0, group=0.0, macro=0.0, phi=0.0, amount=0.0),
        products=tuple(replace(product, parameter_sd=0.0) for product in calibration.products),
    )


def compare(calibration: Calibration, loans: int, blocks: int, seed: int) -> Comparison:
    """Value one synthetic pool three ways, on the same factors."""
    terms = Terms(paths=BLOCK, seed=seed)
    rng = np.random.default_rng(seed)
    plan = plan_of(synthetic_loans(loans, rng), calibration, terms)
    discount = discount_factors(terms.buyer_irr, terms.horizon_months)
    parts = [simulate_block(plan, block) for block in range(blocks)]
    counted = np.concatenate([part.net for part in parts]) @ discount
    cumulants = np.concatenate([part.cumulants for part in parts])
    factors = [factor_block(plan.factors, normals(plan.factors, seed, i)) for i in range(blocks)]
    brute = [brute_force(plan, block, rng) for block in factors]
    truth = np.concatenate(brute) @ discount
    ranks = [mixture_cdf(x, cumulants) for x in truth]
    paths, critical = len(truth), float(stats.kstwobign.ppf(CONFIDENCE))
    errors, noise = zip(
        *(_quantile_error(level, truth, cumulants) for level in LEVELS), strict=True
    )
    sd = float(np.sqrt(cumulants[:, 1].mean() + cumulants[:, 0].var()))
    return Comparison(
        loans=loans,
        is_risky=calibration.factors.pool > 0,
        paths=paths,
        ks_a=float(stats.kstest(ranks, "uniform").statistic),
        ks_a_limit=critical / np.sqrt(paths),
        ks_b=float(stats.ks_2samp(counted, truth).statistic),
        ks_b_limit=critical * np.sqrt(2 / paths),
        quantile_errors=errors,
        quantile_noise=noise,
        quantile_limit=QUANTILE_LIMIT * (2 if loans < SMALL else 1),
        sd_error=sd / float(truth.std()) - 1,
        sd_noise=1 / np.sqrt(2 * paths),
    )


def _quantile_error(level: float, truth: FloatArray, cumulants: FloatArray) -> tuple[float, float]:
    """Relative error of engine A, and the standard error of the brute force with given factors."""
    found = mixture_quantile(level, cumulants)
    below = path_cdf(found, cumulants)
    step = 1e-3 * abs(found)
    density = mixture_cdf(found + step, cumulants) - mixture_cdf(found - step, cumulants)
    spread = float(np.sqrt((below * (1 - below)).sum())) / len(truth)
    noise = spread / (density / (2 * step)) / abs(found)
    return found / float(np.quantile(truth, level)) - 1, noise


def lines(comparison: Comparison) -> Iterator[str]:
    """The comparison for a terminal."""
    one = comparison
    factors = "on" if one.is_risky else "off"
    verdict = "ok" if one.is_within else "BEYOND LIMITS"
    yield f"{one.loans:,} loans, factors {factors}, {one.paths} paths: {verdict}"
    yield f"  KS engine A {one.ks_a:.4f} (limit {one.ks_a_limit:.4f})"
    yield f"  KS engine B {one.ks_b:.4f} (limit {one.ks_b_limit:.4f})"
    for level, error, noise in zip(LEVELS, one.quantile_errors, one.quantile_noise, strict=True):
        limit = f"limit {one.quantile_limit:.1%}, noise {noise:.3%}"
        yield f"  q{level:<5g} error {error:+.3%} ({limit})"
    yield f"  sd     error {one.sd_error:+.3%} (limit {SD_LIMIT:.1%}, noise {one.sd_noise:.3%})"
