"""Log-odds of each loan from its attributes, and the base curve at every age."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from pricing.calibration import DEFAULT_PRODUCT, MORE, NEVER, Calibration, ProductCurve
from pricing.canonical import FloatArray, IntArray
from pricing.loans import LITIGATION, Loans


@dataclass(frozen=True)
class Scores:
    """Per loan, (loans,): product of the calibration, log-odds of attributes and of balance,
    share already paying. notes: what fell to a default, for the reader of the result."""

    product: IntArray
    attributes: FloatArray
    balance: FloatArray
    payers: FloatArray
    notes: tuple[str, ...]


def score_loans(loans: Loans, calibration: Calibration) -> Scores:
    """Attributes into log-odds; unknown products and regions take the default and are noted."""
    product, notes = _products(loans, calibration)
    effects = calibration.effects
    months = loans.months_since_payment
    attributes = banded(effects.get("months_since_payment", {}), months)
    attributes += _placements(effects.get("prior_placements", {}), loans.prior_placements)
    stage = effects.get("litigation_status", {})
    attributes += np.array([stage.get(name, 0.0) for name in LITIGATION])[loans.litigation]
    reachable = effects.get("reachable", {})
    attributes += np.where(loans.reachable, reachable.get("true", 0.0), reachable.get("false", 0.0))
    region = effects.get("region", {})
    attributes += np.array([region.get(name, 0.0) for name in loans.regions])[loans.region]
    if region:
        unknown = [name for name in loans.regions if name not in region]
        notes += _note("region", unknown, len(loans.regions))
    size = np.log(loans.owed_at_charge_off / calibration.balance_reference)
    return Scores(
        product=product,
        attributes=attributes,
        balance=calibration.balance_slope * np.clip(size, -5, 5),
        payers=banded(calibration.payer_share, months),
        notes=notes,
    )


def _products(loans: Loans, calibration: Calibration) -> tuple[IntArray, tuple[str, ...]]:
    known = {product.name: index for index, product in enumerate(calibration.products)}
    names = [calibration.aliases.get(name, name) for name in loans.products]
    unknown = [
        shown for shown, name in zip(loans.products, names, strict=True) if name not in known
    ]
    index = np.array([known.get(name, known[DEFAULT_PRODUCT]) for name in names], np.int64)
    return index[loans.product], _note("product", unknown, len(names))


def _note(what: str, unknown: list[str], names: int) -> tuple[str, ...]:
    if not unknown:
        return ()
    shown = ", ".join(name or "(empty)" for name in unknown[:5])
    return (
        f"{len(unknown)} of {names} {what} names are unknown to the calibration and take its "
        f"default: {shown}{', ...' if len(unknown) > 5 else ''}",
    )


def banded(levels: Mapping[str, float], months: FloatArray) -> FloatArray:
    """Value of each loan's band; bands are named by their upper end in months, inclusive."""
    ends = sorted((name for name in levels if name not in (NEVER, MORE)), key=float)
    values = [levels[name] for name in ends]
    table = np.array([*values, levels.get(MORE, 0.0), levels.get(NEVER, 0.0)], np.float64)
    place = np.searchsorted([float(end) for end in ends], np.nan_to_num(months), side="left")
    return table[np.where(np.isnan(months), len(ends) + 1, place)]


def _placements(levels: Mapping[str, float], placements: IntArray) -> FloatArray:
    table = np.array([levels.get(name, 0.0) for name in ("0", "1", "2", "3+")], np.float64)
    return table[np.minimum(placements, 3)]


def base_odds(product: ProductCurve, knots: tuple[float, ...], months: int) -> FloatArray:
    """Monthly odds at ages 0..months, (months + 1,)."""
    log_odds = base_log_odds(product.log_odds, knots, months)
    return np.asarray(np.exp(np.clip(log_odds, -50, 50)), dtype=np.float64)


def base_log_odds(at_knots: npt.ArrayLike, knots: tuple[float, ...], months: int) -> FloatArray:
    """Log-odds at ages 0..months, (..., months + 1), of curves given at the knots, (..., K).

    Shape-preserving cubic through the knots (Fritsch & Carlson 1980); beyond the last knot the
    log-odds go on in a straight line and never rise.
    """
    value = np.asarray(at_knots, dtype=np.float64)
    age = np.arange(months + 1, dtype=np.float64)
    inside = PchipInterpolator(knots, value, axis=-1)(np.minimum(age, knots[-1]))
    slope = (value[..., -1] - value[..., -2]) / (knots[-1] - knots[-2])
    tail = np.maximum(age - knots[-1], 0) * np.minimum(slope, 0.0)[..., None]
    return np.asarray(inside + tail, dtype=np.float64)
