"""What is known of the calendar, which moves all loans alike: of its past, and at the cut-off."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pricing.canonical import FloatArray
from pricing.errors import BadCalibration

MOST_MONTHS = 1200
MOST_LEVEL_SD = 3.0


@dataclass(frozen=True)
class MacroStart:
    """State of the macro factor at the cut-off date given the past, x_0 on the log scale; the
    factor of month t is exp(x_t - macro**2 / 2), x_t = phi x_{t-1} + noise, x stationary with sd
    `macro` where nothing is known.

    mean, sd: of x_0. pool_correlation: of its error with the pool factor; the payments of the past
    tell level times calendar, so that where the one is taken too high the other is too low.
    """

    mean: float
    sd: float
    pool_correlation: float

    def __post_init__(self) -> None:
        _require("mean", self.mean, abs(self.mean) <= 10, "from -10 to 10")
        _require("sd", self.sd, 0 <= self.sd <= 3, "a standard deviation from 0 to 3")
        inside = abs(self.pool_correlation) <= 1
        _require("pool_correlation", self.pool_correlation, inside, "from -1 to 1")


@dataclass(frozen=True)
class Calendar:
    """What a history shows of the calendar, month by month.

    first_month: year * 12 + month - 1. ratio: first payments over those expected without the
    calendar. information: inverse of the ratio's sampling variance, 0 where nothing was expected.
    level_sd: how far the curves' common level may be off beside what the months say, on the log.
    """

    first_month: int
    ratio: tuple[float, ...]
    information: tuple[float, ...]
    level_sd: float

    def __post_init__(self) -> None:
        months = len(self.ratio)
        _require("ratio", months, 0 < months <= MOST_MONTHS, f"1 to {MOST_MONTHS} months")
        alike = len(self.information) == months
        _require("information", len(self.information), alike, "one value per month")
        for name in ("ratio", "information"):
            values = np.array(getattr(self, name), np.float64)
            _require(name, None, bool((np.isfinite(values) & (values >= 0)).all()), "0 or more")
        level = self.level_sd
        _require("level_sd", level, 0 <= level <= MOST_LEVEL_SD, f"from 0 to {MOST_LEVEL_SD:g}")

    @property
    def last_month(self) -> int:
        """The last month seen."""
        return self.first_month + len(self.ratio) - 1

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        lists = {"ratio": list(self.ratio), "information": list(self.information)}
        return asdict(self) | lists


def calendar_from(document: Mapping[str, Any]) -> Calendar:
    """A calendar from its JSON values. Raises BadCalibration, TypeError."""
    lists = {name: tuple(document[name]) for name in ("ratio", "information")}
    return Calendar(**{**document, **lists})


def future_covariance(phi: float, months: int, known: float) -> FloatArray:
    """Covariance of the state in months 1..T over its stationary variance, (T, T). known: share of
    the variance of month 0 that the past has taken away; 0 = stationary."""
    month = np.arange(1, months + 1)
    lag = np.abs(np.subtract.outer(month, month))
    return np.asarray(phi**lag - known * phi ** np.add.outer(month, month), np.float64)


def _require(name: str, value: object, holds: bool, rule: str) -> None:
    if not holds:
        raise BadCalibration(name, value, rule)
