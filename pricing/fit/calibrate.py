"""From a history to a frozen calibration."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from pricing.calibration import (
    DEFAULT_PRODUCT,
    EFFECTS,
    Calibration,
    FactorRisk,
    ProductCurve,
    reference_calibration,
)
from pricing.errors import BadCalibration, EmptyHistory, MixedBasis, MixedCurrency
from pricing.fit.alternate import Fitted, fit_curves
from pricing.fit.behaviour import Behaviour, amount_sd, behaviour_of
from pricing.fit.calendar import calendar_of
from pricing.fit.diagnostics import diagnostics_of, is_fitted
from pricing.fit.levels import log_sd, mean_variance
from pricing.history.counts import INSTALMENT, LUMP, History, merged_products

PAYS_ON = {"0": 1.0, "more": 0.0, "never": 0.0}  # who paid last month is a payer, nobody else
MOST_SD = 3.0


def calibrate(
    history: History,
    *,
    name: str,
    base: Calibration | None = None,
    keep_effects: Collection[str] = (),
) -> Calibration:
    """Fit every parameter the history speaks of; the rest comes from `base` and is listed.

    base: centre of the priors, and source of channels, aliases and claim scales (default: the
    Chinese reference). keep_effects: attributes whose effects are taken from `base` as judged,
    although the history does not have them. See docs/pricing.md for model and formulas.

    Raises EmptyHistory, MixedBasis, MixedCurrency, BadCalibration.
    """
    base = base or reference_calibration("cn-consumer-reference")
    _check(history, base, keep_effects)
    history = merged_products(history, base.aliases)
    fitted, behaviour = fit_curves(history, base), behaviour_of(history, base)
    kept = {one: base.effects[one] for one in sorted(keep_effects) if one in base.effects}
    scale = base.scales[history.basis]
    return replace(
        base,
        name=name,
        basis=history.basis,
        is_fitted=True,
        products=_products(history, fitted, behaviour),
        effects=kept | _effects(fitted),
        payer_share=PAYS_ON,
        balance_slope=float(np.clip(fitted.by_product.coefficient[-1], -2, 2)),
        balance_reference=fitted.features.balance_reference,
        factors=_factors(history, fitted, behaviour, base.factors),
        basis_scale={one: value / scale for one, value in base.scales.items()},
        sources=(
            f"Fitted to a payment history of {history.loans:,} loans in {len(history.cohorts)} "
            f"cohorts, ages to {history.ages} months, {history.payments:,} payments.",
            f"What the history does not tell comes from {base.label}: diagnostics.judged.",
        ),
        diagnostics=diagnostics_of(history, fitted, behaviour, base.knots)
        | {"base": base.name, "kept_effects": list(kept)},
        calendar=None
        if fitted.calendar_ratios is None
        else calendar_of(fitted.first_month, fitted.calendar_ratios),
    )


def _check(history: History, base: Calibration, keep_effects: Collection[str]) -> None:
    if history.currency != base.currency:
        raise MixedCurrency(history.currency, base.currency)
    if history.basis not in base.scales:
        raise MixedBasis(history.basis, sorted(base.scales))
    if history.payments == 0:
        raise EmptyHistory("the history has no payment: nothing can be fitted to it")
    for one in keep_effects:
        if one not in EFFECTS:
            raise BadCalibration("keep_effects", one, f"of {', '.join(EFFECTS)}")


def _factors(
    history: History, fitted: Fitted, behaviour: Behaviour, base: FactorRisk
) -> FactorRisk:
    has_amount = is_fitted("amount", history, fitted)
    return FactorRisk(
        pool=min(log_sd(fitted.between), MOST_SD),
        group=min(log_sd(fitted.within), MOST_SD),
        macro=fitted.macro.sd if fitted.macro else base.macro,
        phi=fitted.macro.phi if fitted.macro else base.phi,
        amount=min(amount_sd(history, behaviour), MOST_SD) if has_amount else base.amount,
    )


def _effects(fitted: Fitted) -> dict[str, dict[str, float]]:
    """Log-odds by attribute and level, mean 0 over the history."""
    found: dict[str, dict[str, float]] = {}
    names = fitted.features.names
    for (attribute, level), value in zip(names, fitted.by_product.coefficient, strict=True):
        if attribute != "balance":
            found.setdefault(attribute, {})[level] = float(np.clip(value, -10, 10))
    return found


def _products(history: History, fitted: Fitted, behaviour: Behaviour) -> tuple[ProductCurve, ...]:
    """The pooled curve as `default`, then the products of the history."""
    names = [DEFAULT_PRODUCT, *history.products]
    curves = [fitted.pooled.at_knots[0], *fitted.by_product.at_knots]
    made = []
    for code, (name, curve) in enumerate(zip(names, curves, strict=True)):
        if code and name == DEFAULT_PRODUCT:
            continue
        instalment, lump = behaviour.tickets[INSTALMENT][code], behaviour.tickets[LUMP][code]
        step = behaviour.steps[code]
        variance = _level_variance(code - 1, fitted) + instalment.error**2 + step.error**2
        made.append(
            ProductCurve(
                name=name,
                log_odds=tuple(float(value) for value in curve),
                settle=step.settle,
                keep=step.keep,
                instalment_mean=instalment.mean,
                instalment_shape=instalment.shape,
                lump_mean=lump.mean,
                lump_shape=lump.shape,
                parameter_sd=min(log_sd(variance), MOST_SD),
            )
        )
    return tuple(made)


def _level_variance(product: int, fitted: Fitted) -> float:
    """Variance of the level of a product's curve on the ratio: few cohorts, few payments, and a
    calendar known for a while only. -1: the curve for products the history does not have, which
    differ from those it has as these differ among themselves."""
    noise = fitted.level_ratios.noise
    calendar = fitted.macro.mean_variance if fitted.macro else 0.0
    if product >= 0:
        return mean_variance(noise[:, product], fitted.between + fitted.within) + calendar
    by_cohort = 1 / np.maximum(np.nansum(1 / noise, axis=1), 1e-300)
    spread = fitted.between + fitted.within / noise.shape[1]
    differences = float(np.var(fitted.by_product.at_knots.mean(axis=1)))
    return mean_variance(by_cohort, spread) + calendar + differences
