"""Ways of reading a column, in words that people choose from: each is an entry of a mapping."""

import json
from collections.abc import Mapping as MappingOf
from typing import Any

from npa_market.tapes.dictionary import FIELDS, Field, Kind

Entry = dict[str, Any]
_MONEY: list[tuple[str, Entry]] = [
    ("amount, 1,234.50", {"as": "money"}),
    ("amount, rounded to the cent", {"as": "money", "round": True}),
    ("amount, 1.234,50", {"as": "money", "decimal": ","}),
    ("amount written as negative", {"as": "money", "negated": True}),
    ("minor units (分, cents)", {"as": "money", "unit": "minor"}),
    ("ten thousands (万元)", {"as": "money", "unit": "ten_thousand"}),
    ("thousands (千元)", {"as": "money", "unit": "thousand"}),
]
_FORMATS = [
    ("31.12.2025", "%d.%m.%Y"),
    ("31/12/2025 (day first)", "%d/%m/%Y"),
    ("12/31/2025 (month first)", "%m/%d/%Y"),
    ("31-12-2025 (day first)", "%d-%m-%Y"),
    ("12-31-2025 (month first)", "%m-%d-%Y"),
    ("31 Dec 2025", "%d %b %Y"),
    ("Dec-2025", "%b-%Y"),
    ("2025-12", "%Y-%m"),
    ("2025年12月", "%Y年%m月"),
    ("251231 (YYMMDD)", "%y%m%d"),
    ("days of Excel", "excel"),
    ("days of Excel for Mac (1904)", "excel_1904"),
    ("days since 1960", "days_since_1960"),
    ("days since 1970", "days_since_1970"),
    ("Q4 2025, first day", "quarter"),
]
_STATED_DAYS = "The tape has no such date: the cut-off date less the number of days that it states."
_DATE: list[tuple[str, Entry]] = [
    ("2025-12-31, 2025/12/31, 20251231", {"as": "date"}),
    *((title, {"as": "date", "formats": [form]}) for title, form in _FORMATS),
    ("days before the cut-off date", {"as": "days_before_cut_off", "derived": _STATED_DAYS}),
]
_RATE: list[tuple[str, Entry]] = [
    ("13.56%", {"as": "percent_text"}),
    ("13.56 (percent points)", {"as": "percent_points"}),
    ("0.1356 (fraction)", {"as": "fraction"}),
]
_BY_KIND: dict[Kind, list[tuple[str, Entry]]] = {
    Kind.MONEY: _MONEY,
    Kind.DATE: _DATE,
    Kind.RATE: _RATE,
    Kind.INTEGER: [
        ("whole number", {"as": "integer"}),
        ("36 months", {"as": "integer", "suffix": "months"}),
        ("36期", {"as": "integer", "suffix": "期"}),
    ],
    Kind.CODE: [("words of a list", {"as": "code"})],
    Kind.FLAG: [("words of a list", {"as": "code"})],
    Kind.TEXT: [("text", {"as": "text"})],
    Kind.PLACE: [("province or state", {"as": "place"})],
    Kind.RECEIPTS: [("2025-03:120.00/36.00;…", {"as": "receipts"})],
}


def group_of(target: Field) -> str:
    """Fields of one group have the same ways of reading."""
    return "open_code" if target.kind == Kind.CODE and not target.codes else str(target.kind)


def choices_by_group() -> list[tuple[str, list[tuple[str, str]]]]:
    """(group, its ways of reading), each group once."""
    groups = {group_of(field): readings_of(field, None) for field in FIELDS.values()}
    return list(groups.items())


def as_text(entry: MappingOf[str, Any]) -> str:
    """An entry as the value of a choice; columns and word lists stand elsewhere on the page."""
    plain = {key: value for key, value in entry.items() if key not in {"from", "table"}}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)


def readings_of(target: Field, chosen: MappingOf[str, Any] | None) -> list[tuple[str, str]]:
    """(value, title) of the ways to read a field; one that is chosen but not listed comes first."""
    listed = [(as_text(entry), title) for title, entry in _BY_KIND[target.kind]]
    if target.kind == Kind.CODE and not target.codes:
        listed.append((as_text({"as": "text"}), "text as it stands"))
    if chosen and as_text(chosen) not in dict(listed):
        return [(as_text(chosen), f"as stated: {as_text(chosen)}"), *listed]
    return listed
