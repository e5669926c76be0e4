"""A notice's figures in words for its page; the document itself stays as published."""

from dataclasses import dataclass
from typing import Any

from npa_market.common.money import format_minor
from npa_market.packages.stratify import STRATIFICATIONS

_AVERAGES = {
    "days_overdue": ("Days overdue", "{:,.2f}"),
    "age_months": ("Months since charge-off", "{:,.1f}"),
    "annual_rate_bp": ("Yearly rate", ""),
    "credit_line_minor": ("Credit line", ""),
}


@dataclass(frozen=True, slots=True)
class ShownTable:
    """One table of counts with its title; rows as published."""

    title: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ShownFacts:
    """Weighted averages in words, and the tables that have rows."""

    averages: list[tuple[str, str]]
    tables: list[ShownTable]


def shown_facts(document: dict[str, Any]) -> ShownFacts:
    """What the page shows beside the totals."""
    facts, currency = document["facts"], document["currency"]
    return ShownFacts(
        averages=[
            (_AVERAGES[name][0], _average(name, value, currency))
            for name, value in facts["averages"].items()
        ],
        tables=[
            ShownTable(STRATIFICATIONS[key], rows) for key, rows in facts["tables"].items() if rows
        ],
    )


def _average(name: str, value: float, currency: str) -> str:
    if name == "annual_rate_bp":
        return f"{value / 100:.2f} %"
    if name == "credit_line_minor":
        return format_minor(round(value), currency, symbol=True)
    return _AVERAGES[name][1].format(value)
