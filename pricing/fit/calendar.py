"""The calendar's past as a calibration knows it, and where it stands at a cut-off date."""

from dataclasses import dataclass, replace

import numpy as np

from pricing.calendar import Calendar, MacroStart
from pricing.calibration import Calibration, FactorRisk
from pricing.canonical import FloatArray
from pricing.fit.levels import LEAST_LEVEL, Ratios, log_sd, ratio_variance

VAGUE_LEVEL_SD = 1.0
LONGEST_GAP = 600  # months from the calendar to a cut-off after which it tells nothing


@dataclass(frozen=True)
class Past:
    """Logs of (1) the error of the curves' common level and (2) the calendar's multiplier in each
    month from first_month on, jointly normal: mean (1 + T,), covariance (1 + T, 1 + T). The level
    error is what `parameter_sd` holds of it: its multiplier has mean 1."""

    first_month: int
    mean: FloatArray
    covariance: FloatArray

    @property
    def level_variance(self) -> float:
        """Of the multiplier, not of its log."""
        return float(np.expm1(self.covariance[0, 0]))


def calendar_of(first_month: int, ratios: Ratios) -> Calendar | None:
    """What (months,) ratios to a fitted curve tell of the calendar, up to the last month in which
    anything was expected; None where nothing was."""
    seen = np.isfinite(ratios.ratio) & (ratios.noise > 0)
    if not seen.any():
        return None
    upto = slice(0, int(np.flatnonzero(seen)[-1]) + 1)
    ratios, seen = Ratios(ratios.ratio[upto], ratios.noise[upto]), seen[upto]
    return Calendar(
        first_month=first_month,
        ratio=tuple(np.where(seen, ratios.ratio, 1.0).round(9).tolist()),
        information=tuple(
            float(f"{1 / noise:.9g}") if is_seen else 0.0
            for noise, is_seen in zip(ratios.noise.tolist(), seen.tolist(), strict=True)
        ),
        level_sd=VAGUE_LEVEL_SD,
    )


def past_without_calendar(risk: FactorRisk, months: int) -> Past:
    """Nothing was seen: the level is as stated, the calendar follows its stationary law."""
    state = np.arange(months)
    covariance = np.zeros((1 + months, 1 + months))
    covariance[1:, 1:] = risk.macro**2 * risk.phi ** np.abs(np.subtract.outer(state, state))
    return Past(0, -np.diag(covariance) / 2, covariance)


def past_of(calendar: Calendar, risk: FactorRisk, first_month: int, last_month: int) -> Past:
    """Best linear estimate of level error and multipliers from the calendar's ratios, over its own
    months and those asked for, each as a log-normal of that mean and covariance.

    Joint, since the ratios tell level times multiplier: where the mean of a short calendar was
    taken for level, the two errors cancel in the months that were seen.
    """
    first = min(first_month, calendar.first_month)
    months = max(last_month, calendar.last_month) - first + 1
    prior = np.zeros((1 + months, 1 + months))
    state = np.arange(months)
    prior[1:, 1:] = np.expm1(risk.macro**2 * risk.phi ** np.abs(np.subtract.outer(state, state)))
    prior[0, 0] = calendar.level_sd**2
    seen = np.flatnonzero(calendar.information)
    ratio, noise = np.array(calendar.ratio)[seen], 1 / np.array(calendar.information)[seen]
    loads = np.zeros((len(seen), 1 + months))
    loads[:, 0] = 1.0
    loads[np.arange(len(seen)), 1 + calendar.first_month - first + seen] = 1.0
    gain = np.linalg.solve(loads @ prior @ loads.T + np.diag(noise), loads @ prior).T
    multiplier = np.maximum(1 + gain @ (ratio - 1), LEAST_LEVEL)
    covariance = prior - gain @ loads @ prior
    covariance = np.log1p(covariance / np.outer(multiplier, multiplier))
    return Past(first, np.log(multiplier) - np.diag(covariance) / 2, covariance)


def start_of(mean: float, variance: float, risk: FactorRisk, with_pool: float) -> MacroStart:
    """The start from mean and variance of the log multiplier of that month, and its covariance
    with the pool factor over the pool factor's deviation."""
    sd = float(np.sqrt(max(variance, 0.0)))
    correlation = float(np.clip(with_pool / sd, -1, 1)) if sd > 0 else 0.0
    return MacroStart(float(mean + risk.macro**2 / 2), sd, correlation)


def as_of(calibration: Calibration, cut_off_month: int) -> Calibration:
    """The calibration for a pool without own payments, cut off at the end of a calendar month
    (year * 12 + month - 1), which may lie before the calendar's last or after it.

    The macro factor starts where the calendar stands in that month, as its neighbours on both
    sides tell; what later months show of the way on is not used. Beyond LONGEST_GAP months from
    the calendar nothing of it is left. What a short calendar leaves unknown of the curves' level
    moves from each product's parameter error to the pool factor, since all products share it and
    it goes against the error of the start. `diagnostics["started"]` tells the calibration it comes
    from, the month, and `first_month`: expected payments of month 1 over those of the curves given.
    A calibration without calendar is given back unchanged. Raises BadCalibration.
    """
    calendar, risk = calibration.calendar, calibration.factors
    if calendar is None:
        return calibration
    earliest, latest = calendar.first_month - LONGEST_GAP, calendar.last_month + LONGEST_GAP
    month = min(max(cut_off_month, earliest), latest)
    past = past_of(calendar, risk, month, month)
    now = 1 + month - past.first_month
    pool = float(np.sqrt(risk.pool**2 + past.covariance[0, 0]))
    with_pool = float(past.covariance[0, now]) / pool if pool > 0 else 0.0
    start = start_of(past.mean[now], past.covariance[now, now], risk, with_pool)
    shift = float(past.mean[0] + past.covariance[0, 0] / 2)
    factors = replace(risk, pool=pool, start=start)
    started = {
        "calibration_hash": calibration.content_hash,
        "month": f"{cut_off_month // 12}-{cut_off_month % 12 + 1:02d}",
        "is_near": month == cut_off_month,
        "first_month": round(float(np.exp(shift)) * _first_month(factors, start), 9),
    }
    return replace(
        calibration,
        factors=factors,
        calendar=None,
        diagnostics={**calibration.diagnostics, "started": started},
        products=tuple(
            replace(
                one,
                log_odds=tuple(value + shift for value in one.log_odds),
                parameter_sd=less_level(one.parameter_sd, past.level_variance),
            )
            for one in calibration.products
        ),
    )


def _first_month(risk: FactorRisk, start: MacroStart) -> float:
    """Mean of the pool's factor times the macro factor of month 1."""
    joint = start.pool_correlation * start.sd * risk.pool
    spread = risk.phi**2 * (start.sd**2 - risk.macro**2) / 2
    return float(np.exp(risk.phi * (start.mean + joint) + spread))


def less_level(parameter_sd: float, level_variance: float) -> float:
    """A product's parameter error without its share in the common error of the level."""
    return log_sd(ratio_variance(parameter_sd) - level_variance)
