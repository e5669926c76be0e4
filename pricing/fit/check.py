"""Whether fits find the truth, and whether their errors are as large as they say."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pricing.calibration import Calibration, reference_calibration
from pricing.canonical import FloatArray
from pricing.fit.calibrate import calibrate
from pricing.history.synthetic import Deals, as_truth, synthetic_history

LEVEL_KNOTS = slice(1, 6)  # 3 to 36 months: seen by every cohort of two years and more
NORMAL_80 = 1.2815515655446004
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Recovery:
    """How far fits to synthetic histories lie from the truth.

    *_error_ratio: root mean square of (level found - level true) / stated error, 1 = honest;
    *_coverage80: share inside +- 1.28 stated errors; *_bias: mean difference of the log level.
    sds: root mean square of the fitted factor sds, and true_sds.
    """

    histories: int
    default_error_ratio: float
    default_coverage80: float
    default_bias: float
    product_error_ratio: float
    product_coverage80: float
    product_bias: float
    sds: dict[str, float]
    true_sds: dict[str, float]


def check_calibration(histories: int, deals: Deals, progress: Progress | None = None) -> Recovery:
    """Fit `histories` histories drawn from the Chinese reference without attribute effects."""
    truth = replace(as_truth(reference_calibration("cn-consumer-reference")), effects={})
    errors, sds = [], []
    for seed in range(histories):
        drawn = synthetic_history(truth, replace(deals, has_attributes=False), seed)
        fitted = calibrate(drawn.history(), name="check", base=truth)
        errors.append(_level_errors(fitted, truth))
        sds.append([getattr(fitted.factors, name) for name in FACTORS])
        if progress is not None:
            progress(seed + 1, histories)
    found = np.array(errors)  # (histories, curves, 2)
    default, product = found[:, :1].reshape(-1, 2), found[:, 1:].reshape(-1, 2)
    rms = np.sqrt((np.array(sds) ** 2).mean(axis=0))
    return Recovery(
        histories,
        *_scores(default),
        *_scores(product),
        sds={name: round(float(sd), 4) for name, sd in zip(FACTORS, rms, strict=True)},
        true_sds={name: getattr(truth.factors, name) for name in FACTORS},
    )


FACTORS = ("pool", "group", "macro", "amount")


def _level_errors(fitted: Calibration, truth: Calibration) -> list[tuple[float, float]]:
    """Difference of the level of each curve and its stated error, at the fit's balance."""
    known = {one.name: one for one in truth.products}
    size = np.log(fitted.balance_reference / truth.balance_reference)
    return [
        (
            float(np.subtract(one.log_odds, known[one.name].log_odds)[LEVEL_KNOTS].mean())
            - truth.balance_slope * float(size),
            one.parameter_sd,
        )
        for one in fitted.products
    ]


def _scores(pairs: FloatArray) -> tuple[float, float, float]:
    difference, error = pairs.T
    z = difference / error
    ratio, inside = np.sqrt((z**2).mean()), (np.abs(z) < NORMAL_80).mean()
    return round(float(ratio), 3), round(float(inside), 3), round(float(difference.mean()), 4)
