"""From a table of loans with a known outcome to a frozen scorecard."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from pricing.canonical import FloatArray, IntArray
from pricing.errors import BadColumn, EmptyPool, PricingError
from pricing.scorecard.binning import (
    BinRules,
    common_levels,
    evidence,
    information,
    monotone_edges,
)
from pricing.scorecard.card import LEVEL, MISSING, NUMBER, OTHER, Bin, Characteristic, Scorecard
from pricing.scorecard.columns import (
    column_of,
    is_number_column,
    level_places,
    levels_of,
    number_places,
    numbers_of,
)
from pricing.scorecard.logistic import LogisticFit, fit_logistic
from pricing.scorecard.measures import (
    calibration_line,
    decile_table,
    gini,
    ks_distance,
    score_counts,
    stability_index,
)

LEAST_PAYERS = 50
LEAST_INFORMATION, TOO_GOOD = 0.005, 0.8
MOST_LEVELS = 200
BANDS = np.arange(1, 10) / 10
HELD_BACK = 0.3
CONFIDENCE = 0.999


@dataclass(frozen=True)
class Design:
    """What to build. specials: values by column that mean something other than a size. features:
    columns to try, None = all. time: column by which the latest 30 % of rows are held back."""

    target: str
    features: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ("loan_id",)
    time: str | None = None
    specials: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    rules: BinRules = field(default_factory=BinRules)
    ridge: float = 1.0
    base_score: float = 600.0
    base_odds: float = 1.0
    points_to_double: float = 20.0


@dataclass(frozen=True)
class _Column:
    """A candidate: bin of every row, and its bins still without points."""

    place: IntArray
    line: Characteristic

    @property
    def evidence(self) -> FloatArray:
        """Evidence of each row."""
        return np.array([one.evidence for one in self.line.bins])[self.place]


def fit_scorecard(frame: pd.DataFrame, design: Design) -> Scorecard:
    """Bins, slopes and points of every column that tells something about the target.

    Columns with too little information, more than MOST_LEVELS names, or a slope against their own
    evidence (another column says the same) are left out and noted. With `design.time` the card is
    fitted on the earlier 70 % and measured on the later rows as well. Raises MissingColumn,
    BadColumn, EmptyPool, PricingError, NoFit.
    """
    y = _target(frame, design.target)
    early = _early(frame, design.time)
    names = _names(frame, design)
    columns, notes = _candidates(frame.loc[early], y[early], names, design)
    columns, fit, dropped = _fit(columns, y[early], design.ridge)
    card = _card(columns, fit, y[early], design)
    card = replace(card, notes=(*notes, *dropped))
    return replace(card, diagnostics=_diagnostics(card, frame, y, early))


def _target(frame: pd.DataFrame, name: str) -> FloatArray:
    column = column_of(frame, name)
    if len(frame) == 0:
        raise EmptyPool("the sample has no row")
    y = numbers_of(column.astype(float) if column.dtype == bool else column, name)
    bad = ~np.isin(y, (0.0, 1.0))
    if bad.any():
        row = int(np.argmax(bad))
        raise BadColumn(name, row + 1, float(y[row]), "0 or 1 in every row")
    rare = int(min(y.sum(), len(y) - y.sum()))
    if rare < LEAST_PAYERS:
        raise PricingError(
            f"column {name!r}: a card needs {LEAST_PAYERS} rows of each class, there are {rare}"
        )
    return y


def _early(frame: pd.DataFrame, time: str | None) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows to fit on: all, or the earlier ones; rows of one date are never split."""
    if time is None:
        return np.ones(len(frame), np.bool_)
    column = column_of(frame, time)
    if column.isna().any():
        row = int(np.argmax(column.isna().to_numpy()))
        raise BadColumn(time, row + 1, None, "a time in every row")
    order = column.rank(method="max", pct=True).to_numpy()
    early = np.asarray(order <= 1 - HELD_BACK, dtype=np.bool_)
    if not early.any():
        raise PricingError(f"column {time!r} has no two times to split at")
    return early


def _names(frame: pd.DataFrame, design: Design) -> list[str]:
    if design.features is not None:
        chosen = list(dict.fromkeys(design.features))
        for name in chosen:
            column_of(frame, name)
        if design.target in chosen:
            raise PricingError(f"column {design.target!r} is the target and cannot explain itself")
        return chosen
    away = {design.target, design.time, *design.ignore}
    return [str(name) for name in dict.fromkeys(frame.columns) if name not in away]


def _candidates(
    frame: pd.DataFrame, y: FloatArray, names: Sequence[str], design: Design
) -> tuple[list[_Column], list[str]]:
    columns, notes = [], []
    for name in names:
        cells = column_of(frame, name)
        if is_number_column(cells):
            one = _number_column(name, numbers_of(cells, name), y, design)
        elif cells.nunique() <= MOST_LEVELS:
            one = _level_column(name, levels_of(cells), y, design.rules)
        else:
            notes.append(f"{name}: left out, more than {MOST_LEVELS} names")
            continue
        value = one.line.information
        least = max(LEAST_INFORMATION, chance_information(len(one.line.bins), y))
        if value < least:
            notes.append(f"{name}: left out, information {value:.4f} below {least:.4f}")
            continue
        if value > TOO_GOOD:
            notes.append(f"{name}: information {value:.2f}; make sure it is known beforehand")
        columns.append(one)
    if not columns:
        raise PricingError("no column tells anything about the target")
    return columns, notes


def chance_information(bins: int, y: FloatArray) -> float:
    """Information that noise reaches once in a thousand columns.

    Information x rows of payers and others, harmonically, is near a chi-square of bins - 1.
    """
    ones = float(y.sum())
    most = float(stats.chi2.ppf(CONFIDENCE, max(bins - 1, 1)))
    return most * (1 / ones + 1 / (len(y) - ones))


def _number_column(name: str, numbers: FloatArray, y: FloatArray, design: Design) -> _Column:
    specials = tuple(sorted(set(design.specials.get(name, ()))))
    ordinary = ~np.isnan(numbers) & ~np.isin(numbers, specials)
    edges = np.empty(0)
    if ordinary.any():
        edges = monotone_edges(numbers[ordinary], y[ordinary], design.rules, len(y))
    place = number_places(numbers, edges.tolist(), specials)
    spelled = [f"{edge:g}" for edge in edges]
    labels = [f"<= {edge}" for edge in spelled] + [f"> {spelled[-1]}" if spelled else "any"]
    labels += [f"{special:g}" for special in specials] + [MISSING]
    line = Characteristic(
        name=name,
        kind=NUMBER,
        bins=_bins(labels, place, y, design.rules),
        slope=0.0,
        information=_information(place, y, len(labels)),
        edges=tuple(edges.tolist()),
        specials=specials,
    )
    return _Column(place, line)


def _level_column(name: str, cells: Sequence[str], y: FloatArray, rules: BinRules) -> _Column:
    levels = tuple(level for level in common_levels(cells, rules) if level)
    place = level_places(cells, levels)
    labels = [*levels, MISSING, OTHER]
    line = Characteristic(
        name=name,
        kind=LEVEL,
        bins=_bins(labels, place, y, rules),
        slope=0.0,
        information=_information(place, y, len(labels)),
        levels=levels,
    )
    return _Column(place, line)


def _bins(
    labels: Sequence[str], place: IntArray, y: FloatArray, rules: BinRules
) -> tuple[Bin, ...]:
    rows = np.bincount(place, minlength=len(labels)).astype(np.float64)
    payers = np.bincount(place, y, minlength=len(labels)).astype(np.float64)
    weight = evidence(payers, rows - payers, (float(y.sum()), float(len(y) - y.sum())))
    weight = np.where(rows >= rules.least(len(y)), weight, 0.0)
    return tuple(
        Bin(label, int(rows[n]), int(payers[n]), float(weight[n]), 0)
        for n, label in enumerate(labels)
    )


def _information(place: IntArray, y: FloatArray, bins: int) -> float:
    payers = np.bincount(place, y, minlength=bins).astype(np.float64)
    return information(payers, np.bincount(place, minlength=bins) - payers)


def _fit(
    columns: list[_Column], y: FloatArray, ridge: float
) -> tuple[list[_Column], LogisticFit, list[str]]:
    """Drop the worst column whose slope contradicts its own evidence, one at a time."""
    notes: list[str] = []
    while True:
        fit = fit_logistic(np.stack([one.evidence for one in columns], axis=1), y, ridge=ridge)
        worst = int(np.argmin(fit.slope))
        if fit.slope[worst] >= 0 or len(columns) == 1:
            return columns, fit, notes
        notes.append(f"{columns[worst].line.name}: left out, other columns say the same")
        columns = columns[:worst] + columns[worst + 1 :]


def _card(columns: list[_Column], fit: LogisticFit, y: FloatArray, design: Design) -> Scorecard:
    """Points: each column carries an equal part of the base, rounded once."""
    per_log_odds = design.points_to_double / np.log(2)
    base = design.base_score + per_log_odds * (fit.intercept - np.log(design.base_odds))
    lines = []
    for one, slope in zip(columns, fit.slope.tolist(), strict=True):
        bins = tuple(
            replace(each, points=round(base / len(columns) + per_log_odds * slope * each.evidence))
            for each in one.line.bins
        )
        lines.append(replace(one.line, bins=bins, slope=slope))
    return Scorecard(
        target=design.target,
        rows=len(y),
        payers=int(y.sum()),
        base_score=float(design.base_score),
        base_odds=float(design.base_odds),
        points_to_double=float(design.points_to_double),
        intercept=fit.intercept,
        ridge=float(design.ridge),
        characteristics=tuple(lines),
    )


def _diagnostics(
    card: Scorecard, frame: pd.DataFrame, y: FloatArray, early: "np.ndarray[Any, Any]"
) -> dict[str, Any]:
    """Measures on the sample the card was fitted on, and on the later rows where there are any."""
    from pricing.scorecard.score import score_frame

    log_odds = score_frame(card, frame).log_odds
    found = {"development": measures(log_odds[early], y[early])}
    late = ~early
    if late.any() and 0 < y[late].sum() < late.sum():
        found["held_back"] = measures(log_odds[late], y[late])
        edges = np.unique(np.quantile(log_odds[early], BANDS))
        counts = [score_counts(log_odds[rows], edges).astype(float) for rows in (early, late)]
        found["held_back"]["psi"] = stability_index(*counts)
    return found


def measures(log_odds: FloatArray, y: FloatArray) -> dict[str, Any]:
    """Gini, KS, calibration and lift of predicted log-odds (rows,) against outcomes of 0 and 1."""
    intercept, slope = calibration_line(log_odds, y)
    return {
        "rows": len(y),
        "payers": int(y.sum()),
        "expected_payers": float(special.expit(log_odds).sum()),
        "gini": gini(log_odds, y),
        "ks": ks_distance(log_odds, y),
        "calibration_intercept": intercept,
        "calibration_slope": slope,
        "deciles": [asdict(row) for row in decile_table(log_odds, y)],
    }
