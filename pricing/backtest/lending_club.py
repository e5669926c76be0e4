"""Forecasts of real recoveries: Lending Club loans charged off, issued 2007-2010.

The files hold no monthly cash: per loan one sum of recoveries at three late dates. The model is
therefore reduced to its ultimate: recovered / charged-off balance per loan, with the same risk
above it as the engines' (a level of the whole purchase, estimated between cohorts; parameter
error; luck of the loans).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricing.backtest.scores import crps
from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.columns import numbers, refuse_first
from pricing.errors import BadFile, MissingColumn, PricingError
from pricing.fit.levels import (
    LEAST_COHORTS,
    Ratios,
    between_variance,
    log_sd,
    mean_variance,
    ratio_variance,
)
from pricing.tables import read_table

FILE = "recovery_snapshots.csv.gz"
KNOWN_AT, ULTIMATE_AT = "2017-08", "2019-01"
COLUMNS = (
    "issue_year", "issue_d", "grade", "funded_amnt", "total_rec_prncp",
    f"recoveries_{KNOWN_AT}", f"recoveries_{ULTIMATE_AT}",
)  # fmt: skip
DRAWS, SEED = 4000, 1
LEAST_LOANS = 30
LEVEL_SD_WITHOUT_COHORTS = 0.25
ALL = "all"


@dataclass(frozen=True)
class Recoveries:
    """Charged-off loans, (loans,): balance = funded less principal repaid; known, ultimate: gross
    recoveries at the earliest and the latest snapshot; cohort: quarter of issue."""

    year: IntArray
    cohort: IntArray
    grade: IntArray
    grades: tuple[str, ...]
    balance: FloatArray
    known: FloatArray
    ultimate: FloatArray


@dataclass(frozen=True)
class Forecast:
    """One pool: recovered / balance. Errors are forecast less actual. rank: share of draws below
    the actual; crps: continuous ranked probability score of the rate. flat_*: one rate for all
    loans and their luck as the only risk."""

    year: int
    grade: str
    loans: int
    balance: float
    actual: float
    forecast: float
    error: float
    low80: float
    high80: float
    low95: float
    high95: float
    rank: float
    crps: float
    flat_forecast: float
    flat_error: float
    flat_low80: float
    flat_high80: float
    flat_low95: float
    flat_high95: float
    flat_crps: float


@dataclass(frozen=True)
class Fit:
    """What earlier years say. rate: (grades,) shrunk to all loans; pooled: of all loans together;
    level_variance: of a purchase's level; parameter_variance: of the common level of the rates;
    ratio, weight: the loans' own rates over their grade's, and balances as chances to be drawn."""

    rate: FloatArray
    pooled: float
    level_variance: float
    parameter_variance: float
    is_level_fitted: bool
    ratio: FloatArray
    weight: FloatArray


def read_recoveries(folder: Path) -> Recoveries:
    """The snapshots in `folder`. Raises BadFile, naming file, row and column."""
    path = folder / FILE
    frame = read_table(path)
    try:
        return _recoveries(frame)
    except PricingError as refusal:
        raise BadFile(str(path), str(refusal)) from refusal


def _recoveries(frame: pd.DataFrame) -> Recoveries:
    for column in COLUMNS:
        if column not in frame.columns:
            raise MissingColumn(column, [str(name) for name in frame.columns])
    rule = "a number, in US dollars"
    money = {}
    for column in COLUMNS[3:]:
        money[column] = numbers(frame[column], column, rule)
        bad = ~np.isfinite(money[column])
        refuse_first(bad, column, frame[column].to_list() if bad.any() else (), rule)
    balance = money["funded_amnt"] - money["total_rec_prncp"]
    refuse_first(balance <= 0, "total_rec_prncp", balance.tolist(), "below funded_amnt")
    dates = pd.to_datetime(frame["issue_d"], errors="coerce")
    bad = dates.isna().to_numpy()
    refuse_first(bad, "issue_d", frame["issue_d"].to_list() if bad.any() else (), "a date")
    grade, grades = pd.factorize(frame["grade"], sort=True)
    return Recoveries(
        year=np.asarray(dates.dt.year, np.int64),
        cohort=np.asarray(dates.dt.year * 4 + (dates.dt.month - 1) // 3, np.int64),
        grade=grade.astype(np.int64),
        grades=tuple(str(name) for name in grades),
        balance=balance,
        known=money[f"recoveries_{KNOWN_AT}"],
        ultimate=money[f"recoveries_{ULTIMATE_AT}"],
    )


def fit_rates(loans: Recoveries, train: BoolArray) -> Fit:
    """Rates by grade, level variance and loan-level spread from loans in `train`.

    Grades are shrunk to all loans by Buehlmann-Straub credibility; the level's variance is that
    between quarters of issue beyond luck, 0.25 on the log below eight. A quarter of fewer than 30
    loans joins the next: its luck is no small-sample normal.
    """
    balance, cash, grade = loans.balance[train], loans.known[train], loans.grade[train]
    pooled = float(cash.sum() / balance.sum())
    noise = _luck(cash, balance, pooled)
    by_grade = _grouped_ratios(grade, len(loans.grades), cash, balance * pooled, noise)
    spread = between_variance(by_grade)
    has_loans = np.isfinite(by_grade.noise) & (by_grade.noise + spread > 0)
    trust = np.where(has_loans, spread / np.where(has_loans, spread + by_grade.noise, 1.0), 0.0)
    factor = 1 + trust * (np.nan_to_num(by_grade.ratio, nan=1.0) - 1)
    rate = pooled * factor
    expected = balance * rate[grade]
    cohort = _wide_enough(loans.cohort[train])
    cohorts = _grouped_ratios(cohort, int(cohort.max()) + 1, cash, expected, noise)
    is_fitted = len(cohorts.ratio) >= LEAST_COHORTS
    level = between_variance(cohorts) if is_fitted else ratio_variance(LEVEL_SD_WITHOUT_COHORTS)
    return Fit(
        rate=rate,
        pooled=pooled,
        level_variance=level,
        parameter_variance=mean_variance(cohorts.noise, level),
        is_level_fitted=is_fitted,
        ratio=cash / expected,
        weight=expected / expected.sum(),
    )


def _wide_enough(quarter: IntArray) -> IntArray:
    """Quarters numbered in order, runs joined until each has at least LEAST_LOANS."""
    _, code, count = np.unique(quarter, return_inverse=True, return_counts=True)
    number, held, joined = 0, 0, np.zeros(len(count), np.int64)
    left = int(count.sum())
    for place, loans in enumerate(count):
        joined[place] = number
        held, left = held + int(loans), left - int(loans)
        if held >= LEAST_LOANS and left >= LEAST_LOANS:
            number, held = number + 1, 0
    return joined[code]


def _luck(cash: FloatArray, balance: FloatArray, rate: float) -> FloatArray:
    """Variance of each loan's cash: that of the rates, times the balance squared."""
    spread = float(((cash / balance - rate) ** 2).mean())
    return np.asarray(balance**2 * spread, np.float64)


def _grouped_ratios(
    group: IntArray, size: int, cash: FloatArray, expected: FloatArray, noise: FloatArray
) -> Ratios:
    sums = (np.bincount(group, values, size) for values in (cash, expected, noise))
    observed, total, variance = (values.astype(np.float64) for values in sums)
    return Ratios.of(observed, total, variance)


def forecasts(loans: Recoveries) -> list[Forecast]:
    """Each year of issue after the first, by grade and in all, from the years before it."""
    made = []
    for year in np.unique(loans.year)[1:]:
        fit = fit_rates(loans, loans.year < year)
        rng = np.random.default_rng((SEED, int(year)))
        test = loans.year == year
        made.append(_forecast(loans, test, fit, (int(year), ALL), rng))
        for code, grade in enumerate(loans.grades):
            mine = test & (loans.grade == code)
            if mine.any():
                made.append(_forecast(loans, mine, fit, (int(year), grade), rng))
    return made


def _forecast(
    loans: Recoveries, test: BoolArray, fit: Fit, key: tuple[int, str], rng: np.random.Generator
) -> Forecast:
    balance, total = loans.balance[test], float(loans.balance[test].sum())
    actual = float(loans.ultimate[test].sum()) / total
    luck = _drawn_ratios(fit, len(balance), rng)
    sd = log_sd(fit.level_variance + fit.parameter_variance)
    level = np.exp(sd * rng.standard_normal(DRAWS) - sd**2 / 2)
    rate = level * (luck @ (balance * fit.rate[loans.grade[test]])) / total
    flat = fit.pooled * (luck @ balance) / total
    center = float((balance * fit.rate[loans.grade[test]]).sum()) / total
    (low95, low80, high80, high95), flat_limits = (
        np.quantile(draws, (0.025, 0.1, 0.9, 0.975)) for draws in (rate, flat)
    )
    return Forecast(
        year=key[0], grade=key[1], loans=len(balance), balance=round(total, 2), actual=actual,
        forecast=center, error=center - actual,
        low80=float(low80), high80=float(high80), low95=float(low95), high95=float(high95),
        rank=float((rate < actual).mean()), crps=crps(rate, actual),
        flat_forecast=fit.pooled, flat_error=fit.pooled - actual,
        flat_low80=float(flat_limits[1]), flat_high80=float(flat_limits[2]),
        flat_low95=float(flat_limits[0]), flat_high95=float(flat_limits[3]),
        flat_crps=crps(flat, actual),
    )  # fmt: skip


def _drawn_ratios(fit: Fit, loans: int, rng: np.random.Generator) -> FloatArray:
    """Rates of loans over their grade's, drawn from the earlier loans, (DRAWS, loans), mean 1.

    No smooth law fits them: most recover under 1 %, many the few per cent of a bulk sale, some
    everything.
    """
    ratio = fit.ratio / fit.ratio.mean()
    return np.asarray(ratio[rng.integers(0, len(ratio), (DRAWS, loans))], np.float64)


def summary(made: list[Forecast]) -> dict[str, Any]:
    """Errors and coverage over the pools by grade, and over whole years, model beside flat rate."""
    grades = [one for one in made if one.grade != ALL]
    years = [one for one in made if one.grade == ALL]
    return {
        "known_at": KNOWN_AT,
        "ultimate_at": ULTIMATE_AT,
        "draws": DRAWS,
        "years": _scores(years),
        "grades": _scores(grades),
        "pools": [asdict(one) for one in made],
    }


def _scores(made: list[Forecast]) -> dict[str, float | int]:
    balance = np.array([one.balance for one in made])

    def inside(width: int, prefix: str) -> float:
        return float(np.mean([_hit(one, prefix, width) for one in made]))

    actual = np.array([one.actual for one in made])
    scores: dict[str, float | int] = {"pools": len(made)}
    for prefix in ("", "flat_"):
        error = np.array([getattr(one, f"{prefix}error") for one in made])
        crps = np.array([getattr(one, f"{prefix}crps") for one in made])
        scores |= {
            f"{prefix}error_share": float((balance @ np.abs(error)) / (balance @ actual)),
            f"{prefix}coverage80": inside(80, prefix),
            f"{prefix}coverage95": inside(95, prefix),
            f"{prefix}crps": float(balance @ crps / balance.sum()),
        }
    return scores


def lines(made: list[Forecast]) -> Iterator[str]:
    """The forecasts as a table for a terminal."""
    head = ("year", "<6"), ("grade", "<6"), ("loans", ">6"), ("actual", ">9"), ("model", ">9")
    rest = ("80 %", ">18"), ("flat", ">9"), ("80 %", ">18")
    yield "".join(f"{word:{width}}" for word, width in (*head, *rest))
    for one in made:
        band = f"{one.low80:.1%} - {one.high80:.1%}{'' if _hit(one, '') else ' *'}"
        flat = f"{one.flat_low80:.1%} - {one.flat_high80:.1%}{'' if _hit(one, 'flat_') else ' *'}"
        yield (
            f"{one.year:<6}{one.grade:<6}{one.loans:>6}{one.actual:>9.1%}{one.forecast:>9.1%}"
            f"{band:>18}{one.flat_forecast:>9.1%}{flat:>18}"
        )
    yield "* actual outside the interval"


def _hit(one: Forecast, prefix: str, width: int = 80) -> bool:
    low, high = getattr(one, f"{prefix}low{width}"), getattr(one, f"{prefix}high{width}")
    return bool(low <= one.actual <= high)
