"""Curves and effects, levels of cohorts and of the calendar: fitted in turn until they agree.

A cohort's level is a credible estimate of its own, so that the curve is not pulled by the large
and lucky ones, and that old ages, which few cohorts reach, are not taken for the level of these
(penalised quasi-likelihood, Breslow & Clayton 1993).
"""

from dataclasses import dataclass

import numpy as np

from pricing.calibration import DEFAULT_PRODUCT, Calibration
from pricing.canonical import FloatArray, IntArray
from pricing.fit.hazard import ROUGH, TOLERANCE, Cells, HazardFit, Prior, centred, fit_hazard
from pricing.fit.levels import (
    LEAST_COHORTS,
    Macro,
    Ratios,
    calendar_effect,
    credible_levels,
    fit_macro,
    nested_variances,
    ratio_variance,
)
from pricing.history.counts import History, has_calendar

ROUNDS = 12
SETTLED_AT = 1e-3
LEVEL_SD_WITHOUT_COHORTS = 0.25
LEAST_CALENDAR = 18  # months of calendar below which its variance is not fitted
BASE_STEP_SD, BASE_LEVEL_SD = 0.3, 3.0
PRODUCT_STEP_SD, PRODUCT_LEVEL_SD = 0.15, 0.5
EFFECT_SD, SLOPE_SD = 0.5, 0.2
CLIP = 5.0


@dataclass(frozen=True)
class Features:
    """Columns of indicators by attribute and level, then ln(balance / reference).

    values: (profiles, q). centre, sd: (q,) prior of the coefficients: the base's effects, less
    their mean over the history. share: (attributes, q) weights of that mean.
    """

    values: FloatArray
    names: list[tuple[str, str]]
    centre: FloatArray
    sd: FloatArray
    share: FloatArray
    balance_reference: float


@dataclass(frozen=True)
class Fitted:
    """The outcome. between, within: variances of ratios; level: (cohorts, products); macro: None
    where the calendar is unknown; calendar_ratios: observed over expected without the calendar,
    (months,), None likewise, and first_month of them; expected: starts by profile and age;
    level_ratios: observed over expected without the levels, (cohorts, products)."""

    pooled: HazardFit
    by_product: HazardFit
    features: Features
    between: float
    within: float
    level: FloatArray
    macro: Macro | None
    calendar_ratios: Ratios | None
    first_month: int
    expected: FloatArray
    level_ratios: Ratios
    has_many_cohorts: bool
    has_long_calendar: bool


def fit_curves(history: History, base: Calibration) -> Fitted:
    """Alternate until no cohort's level moves by more than 0.1 %."""
    return _Alternation(history, base).run()


def features_of(history: History, base: Calibration) -> Features:
    """What distinguishes profiles beside product, cohort and age."""
    weight = history.dormant.sum(axis=1).astype(np.float64)
    weight /= weight.sum()
    reference = round(float(np.exp(weight @ history.log_balance)), 2)
    size = np.clip(history.log_balance - np.log(reference), -CLIP, CLIP)
    columns, names, centre, blocks = [], [], [], []
    for attribute in sorted(history.levels):
        codes, levels = history.levels[attribute], history.level_names[attribute]
        judged = np.array([base.effects.get(attribute, {}).get(level, 0.0) for level in levels])
        share = np.bincount(codes, weight, len(levels))
        columns += [(codes == code).astype(np.float64) for code in range(len(levels))]
        names += [(attribute, level) for level in levels]
        centre += list(judged - share @ judged)
        blocks.append(share)
    shares = np.zeros((len(blocks), len(columns) + 1))
    start = 0
    for row, share in enumerate(blocks):
        shares[row, start : start + len(share)] = share
        start += len(share)
    return Features(
        values=np.stack([*columns, size], axis=1),
        names=[*names, ("balance", "slope")],
        centre=np.array([*centre, base.balance_slope]),
        sd=np.array([EFFECT_SD] * len(columns) + [SLOPE_SD]),
        share=shares,
        balance_reference=reference,
    )


class _Alternation:
    """State of the alternation: levels, calendar, and the curves fitted under them."""

    def __init__(self, history: History, base: Calibration) -> None:
        self.history, self.base = history, base
        self.features = features_of(history, base)
        self.new, self.dormant = history.new.astype(np.float64), history.dormant.astype(np.float64)
        self.level = np.ones((len(history.cohorts), len(history.products)))
        self.month = _calendar_months(history)
        self.macro = np.ones(int(self.month.max()) + 1)
        self.calendar: Macro | None = None
        self.pooled = self._pooled(None, ROUGH)
        self.by_product = self._by_product(None, ROUGH)

    def run(self) -> Fitted:
        """Rounds of levels, calendar, curves; the pooled curve once more at the end."""
        history, risk = self.history, self.base.factors
        many, one_product = len(history.cohorts) >= LEAST_COHORTS, len(history.products) == 1
        between, within = ratio_variance(LEVEL_SD_WITHOUT_COHORTS), ratio_variance(risk.group)
        known = within if one_product else None
        for _ in range(ROUNDS):
            ratios = self._level_ratios()
            if many:
                between, within = nested_variances(ratios, known)
            before, self.level = self.level, credible_levels(ratios, between, within)
            self._fit_calendar()
            self.by_product = self._by_product(self.by_product, ROUGH)
            if float(np.abs(self.level / before - 1).max()) < SETTLED_AT:
                break
        self.pooled = self._pooled(self.pooled, TOLERANCE)
        self.by_product = self._by_product(self.by_product, TOLERANCE)
        share = self.features.share
        return Fitted(
            pooled=centred(self.pooled, share),
            by_product=centred(self.by_product, share),
            features=self.features,
            between=between,
            within=within,
            level=self.level,
            macro=self.calendar,
            calendar_ratios=self._calendar_ratios() if has_calendar(history) else None,
            first_month=int(history.cohort_month.min()) + 1,
            expected=self.dormant * self._chance(),
            level_ratios=self._level_ratios(),
            has_many_cohorts=many,
            has_long_calendar=self._is_calendar_long(),
        )

    def _is_calendar_long(self) -> bool:
        return has_calendar(self.history) and len(self.macro) >= LEAST_CALENDAR

    def _fit_calendar(self) -> None:
        if not has_calendar(self.history):
            return
        risk, ratios = self.base.factors, self._calendar_ratios()
        fit = fit_macro if self._is_calendar_long() else calendar_effect
        self.calendar = fit(ratios, risk.macro, risk.phi)
        self.macro = self.calendar.multiplier

    def _cells(self, curve: IntArray) -> Cells:
        values, knots = self.features.values, self.base.knots
        return Cells(self.new, self.dormant, curve, values, self._offset(), knots)

    def _offset(self) -> FloatArray:
        own = np.log(self.level[self.history.cohort, self.history.product])
        return np.asarray(own[:, None] + np.log(self.macro)[self.month], np.float64)

    def _pooled(self, start: HazardFit | None, tolerance: float) -> HazardFit:
        """One curve for all products, its shape held near the base's where data are thin."""
        names = {one.name: one for one in self.base.products}
        centre, features = np.array([names[DEFAULT_PRODUCT].log_odds]), self.features
        prior = Prior(centre, BASE_STEP_SD, BASE_LEVEL_SD, features.centre, features.sd)
        cells = self._cells(np.zeros_like(self.history.product))
        return fit_hazard(cells, prior, start, tolerance)

    def _by_product(self, start: HazardFit | None, tolerance: float) -> HazardFit:
        """A curve per product, held near the pooled one."""
        centre = np.repeat(self.pooled.at_knots, len(self.history.products), axis=0)
        features = self.features
        prior = Prior(centre, PRODUCT_STEP_SD, PRODUCT_LEVEL_SD, features.centre, features.sd)
        return fit_hazard(self._cells(self.history.product), prior, start, tolerance)

    def _chance(self) -> FloatArray:
        eta = self.by_product.log_odds + self._offset()
        return np.asarray(1 / (1 + np.exp(-eta)), np.float64)

    def _level_ratios(self) -> Ratios:
        """Starts over starts expected without the cohorts' levels, (cohorts, products)."""
        history, shape = self.history, self.level.shape
        cell = history.cohort * shape[1] + history.product
        chance = self._chance()
        expected = self.dormant * chance
        observed, total, spread = (
            np.bincount(cell, part.sum(axis=1), self.level.size).reshape(shape).astype(np.float64)
            for part in (self.new, expected, expected * (1 - chance))
        )
        return Ratios.of(observed, total / self.level, spread / self.level)

    def _calendar_ratios(self) -> Ratios:
        """Starts over starts expected without the calendar's effect, (months,)."""
        chance, months = self._chance(), self.month.ravel()
        expected = self.dormant * chance
        observed, total, spread = (
            np.bincount(months, part.ravel(), len(self.macro)).astype(np.float64)
            for part in (self.new, expected, expected * (1 - chance))
        )
        return Ratios.of(observed, total / self.macro, spread / self.macro)


def _calendar_months(history: History) -> IntArray:
    """Calendar month of each profile and age, counted from the first; all 0 where unknown."""
    if not has_calendar(history):
        return np.zeros(history.new.shape, np.int64)
    first = (history.cohort_month - history.cohort_month.min())[history.cohort]
    return np.asarray(first[:, None] + np.arange(history.ages)[None, :], np.int64)
