"""Criteria read back as a sentence, so that people approve what they mean."""

from datetime import date
from typing import Any

from npa_market.common.money import format_minor
from npa_market.packages.criteria import Condition, Criteria, Group
from npa_market.packages.fields import Field, Kind

_JOIN = {"all": " and ", "any": " or "}


def sentence(criteria: Criteria, currency: str) -> str:
    """`Loans where the product is Cash loan and the claim is 1,000.00 to 50,000.00 CNY.`"""
    picked = ", those of a list of picked loans" if criteria.picked else ""
    if criteria.where is None:
        return f"All loans of the chosen tapes{picked}."
    return f"Loans where {_words(criteria.where, currency, is_inner=False)}{picked}."


def _words(node: Group | Condition, currency: str, is_inner: bool = True) -> str:
    if isinstance(node, Condition):
        return _condition(node, currency)
    if node.kind == "not":
        return f"not ({_words(node.parts[0], currency, is_inner=False)})"
    text = _JOIN[node.kind].join(_words(part, currency) for part in node.parts)
    return f"({text})" if is_inner and len(node.parts) > 1 else text


def _condition(condition: Condition, currency: str) -> str:
    field, op, value = condition.field, condition.op, condition.value
    name = f"the {field.title}"
    if field.kind is Kind.MONTHS:
        name = field.title
    if op == "missing":
        return f"{name} is not given"
    if op == "given":
        return f"{name} is given"
    if op == "is":
        return f"the borrower is {'' if value else 'not '}{field.title}"
    if op in {"in", "not_in"}:
        listed = " or ".join(field.choices.get(each, each) for each in value)
        return f"{name} is {'not ' if op == 'not_in' else ''}{listed}"
    return f"{name} is {_range(field, op, value, currency)}"


def _range(field: Field, op: str, value: Any, currency: str) -> str:
    unit = currency if field.kind is Kind.MONEY else field.unit
    low, high = value if op == "between" else (value, value)
    words = {
        "between": f"{_figure(field, low, currency)} to {_figure(field, high, currency)}",
        "at_least": f"at least {_figure(field, low, currency)}",
        "at_most": f"at most {_figure(field, high, currency)}",
    }
    return f"{words[op]} {unit}".strip()


def _figure(field: Field, value: int | date, currency: str) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if field.kind is Kind.MONEY:
        return format_minor(value, currency)
    return f"{value:,}"
