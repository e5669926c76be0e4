"""What a fitted calibration says of itself: what is fitted, what is judged, how sure, how well."""

from collections.abc import Mapping
from typing import Any

from pricing.canonical import FloatArray
from pricing.fit.alternate import Fitted
from pricing.fit.behaviour import Behaviour
from pricing.fit.levels import log_sd
from pricing.fit.tickets import Ticket, cut_share
from pricing.history.counts import INSTALMENT, LUMP, History

DIGITS = 6
MOST_PAYERS = 0.9  # share of loans; histories of whole cohorts lie far below
AGE_ENDS = (3, 6, 12, 24, 36, 60, 120, 600)
FACTORS = ("pool", "group", "macro", "amount")


def diagnostics_of(
    history: History, fitted: Fitted, behaviour: Behaviour, knots: tuple[float, ...]
) -> dict[str, Any]:
    """A JSON object; every number is finite and rounded to six digits."""
    return {
        "status": "fitted",
        "history": {
            "content_hash": history.content_hash,
            "loans": history.loans,
            "cohorts": len(history.cohorts),
            "oldest_month": history.ages,
            "starts": history.starts,
            "payments": history.payments,
            "dormant_months": int(history.dormant.sum()),
            "cash": round(float(history.cash.sum()), 2),
        },
        "fitted": _fitted_names(history, fitted),
        "judged": _judged_names(history, fitted, knots),
        "products": {
            name: _product(code, fitted, behaviour) for code, name in enumerate(history.products)
        },
        "effects": _coefficients(fitted),
        "levels": {
            "between_sd": _short(log_sd(fitted.between)),
            "within_sd": _short(log_sd(fitted.within)),
            "by_cohort": _by_cohort(history, fitted),
        },
        "fit_by_age": _by_age(history, fitted.expected),
        "steps": fitted.by_product.steps,
        "notes": [*history.notes, *_notes(history)],
    }


def is_fitted(factor: str, history: History, fitted: Fitted) -> bool:
    """Whether the history could tell the size of a systematic factor; else it is judged."""
    if factor == "macro":
        return fitted.has_long_calendar
    if factor == "group":
        return fitted.has_many_cohorts and len(history.products) > 1
    return fitted.has_many_cohorts


def _fitted_names(history: History, fitted: Fitted) -> list[str]:
    names = ["curves", "keep", "instalments", "balance_slope", "parameter_sd"]
    names += ["settle", "lump sums"] if history.has_closings else []
    names += [f"effects.{name}" for name in sorted(history.levels)]
    return names + [f"factors.{name}" for name in FACTORS if is_fitted(name, history, fitted)]


def _judged_names(history: History, fitted: Fitted, knots: tuple[float, ...]) -> list[str]:
    names = ["channels", "aliases", "basis_scale"]
    names += [] if history.has_closings else ["lump sums"]
    names += [f"factors.{name}" for name in FACTORS if not is_fitted(name, history, fitted)]
    beyond = [knot for knot in knots if knot > history.ages]
    return names + ([f"curves beyond month {history.ages}"] if beyond else [])


def _notes(history: History) -> list[str]:
    notes = []
    if not history.has_closings:
        notes.append("no column `settled`: every payment counts as an instalment, none as closing")
    if history.payers > MOST_PAYERS * history.loans:
        share = history.payers / history.loans
        notes.append(f"{share:.0%} of the loans paid: are loans that never paid missing?")
    return notes


def _product(code: int, fitted: Fitted, behaviour: Behaviour) -> dict[str, Any]:
    """Standard errors of one product."""
    tickets, step = behaviour.tickets, behaviour.steps[code + 1]
    return {
        "log_odds_errors": [_short(value) for value in fitted.by_product.knot_errors[code]],
        "payer_months": step.count,
        "instalments": _ticket(tickets[INSTALMENT][code + 1]),
        "lump_sums": _ticket(tickets[LUMP][code + 1]),
    }


def _ticket(ticket: Ticket) -> dict[str, float | int]:
    return {
        "count": ticket.count,
        "relative_error": _short(ticket.error),
        "share_a_full_claim_leaves": _short(cut_share(ticket)),
    }


def _coefficients(fitted: Fitted) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    fit = fitted.by_product
    for (attribute, level), value, error in zip(
        fitted.features.names, fit.coefficient, fit.coefficient_errors, strict=True
    ):
        one = {"value": _short(value), "error": _short(error)}
        found.setdefault(attribute, {})[level] = one
    return found


def _by_cohort(history: History, fitted: Fitted) -> Mapping[str, float]:
    levels = fitted.level.mean(axis=1)
    return {name: _short(level) for name, level in zip(history.cohorts, levels, strict=True)}


def _by_age(history: History, expected: FloatArray) -> list[dict[str, float | int]]:
    """Starts observed and expected in bands of age."""
    observed, total = history.new.sum(axis=0), expected.sum(axis=0)
    rows: list[dict[str, float | int]] = []
    low = 0
    for end in AGE_ENDS:
        if low < history.ages:
            band = slice(low, end)
            rows.append(
                {
                    "to_month": min(end, history.ages),
                    "observed": int(observed[band].sum()),
                    "expected": round(float(total[band].sum()), 1),
                }
            )
        low = end
    return rows


def _short(value: float) -> float:
    return round(float(value), DIGITS)
