"""Columns of the lists: what a page shows of a value, and what an export holds of the same.

A page groups digits and shows times in the venue's zone; an export holds numbers that a
spreadsheet adds up and times of one standard (ISO 8601, UTC).
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import django_tables2 as tables
from django_tables2.utils import Accessor

from npa_market.common.money import to_decimal
from npa_market.common.templatetags.market import count, moment, money, state_tag

NUM = {"th": {"class": "num"}, "td": {"class": "num"}}


class _NumberColumn(tables.Column):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"attrs": NUM, **options})


class CountColumn(_NumberColumn):
    """A number of things."""

    def render(self, value: int) -> str:
        return count(value)

    def value(self, value: int) -> int:
        return value


class MoneyColumn(_NumberColumn):
    """Minor units of the currency that `currency` leads to from the row."""

    def __init__(self, *args: Any, currency: str = "currency", **options: Any) -> None:
        super().__init__(*args, **options)
        self._currency = Accessor(currency)

    def render(self, value: int, record: Any) -> str:
        return money(value, self._currency.resolve(record))

    def value(self, value: int, record: Any) -> Decimal | None:
        return to_decimal(value, self._currency.resolve(record))


class DayColumn(tables.Column):
    """A calendar day."""

    def render(self, value: date) -> str:
        return f"{value:%d %b %Y}"

    def value(self, value: date) -> str:
        return value.isoformat()


class MomentColumn(tables.Column):
    """A time, in the venue's zone or in the one that `zone` leads to from the row."""

    def __init__(self, *args: Any, zone: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self._zone = Accessor(zone) if zone else None

    def render(self, value: datetime, record: Any) -> str:
        return moment(value, self._zone.resolve(record) if self._zone else "")

    def value(self, value: datetime) -> str:
        return value.isoformat()


class StateColumn(tables.Column):
    """The state of the row's object, by the field of the column's name."""

    def render(self, record: Any, bound_column: Any) -> str:
        return state_tag(record, bound_column.name)

    def value(self, record: Any, bound_column: Any) -> str:
        return str(getattr(record, f"get_{bound_column.name}_display")())
