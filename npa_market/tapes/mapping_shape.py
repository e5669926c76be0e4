"""The form of a mapping document that people wrote: which options each word takes, and of which
kind. What passes here is read by `mapping.parse_mapping` and never surprises an import."""

import re
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from datetime import UTC, date, datetime
from typing import Any

from npa_market.common.texts import can_be_kept
from npa_market.tapes.dictionary import FIELDS, Field, Kind
from npa_market.tapes.geography import province_of
from npa_market.tapes.mapping import WORDS, MappingError
from npa_market.tapes.parsing import MAX_RATE_BP, NAMED_FORMATS, UNITS
from npa_market.tapes.validation import MOST_MINOR

_LONGEST_TEXT = 1_000
_MOST_ENTRIES = 500
_MOST_DAYS = 36_600
_MOST_PREAMBLE_ROWS = 200
_DAY = datetime(2001, 11, 1, tzinfo=UTC)
_MONEY = frozenset({"round", "unit", "decimal", "negated"})
# word -> options it takes besides those it must have
_OPTIONS: dict[str, frozenset[str]] = {
    "text": frozenset({"fallback"}),
    "money": _MONEY,
    "difference": _MONEY,
    "sum": _MONEY | {"at_least"},
    "date": frozenset({"formats"}),
    "date_after": frozenset({"formats"}),
    "days_to_cut_off": frozenset({"formats"}),
    "integer": frozenset({"suffix"}),
    "code": frozenset({"table", "other"}),
}
_OF_EVERY_WORD = frozenset({"as", "derived", "required"})
Check = Callable[[Field, Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT and can_be_kept(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_ENTRIES and all(map(_is_text, value))


def _is_whole(value: Any, most: int, *, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_column(value: Any) -> bool:
    spellings = [value] if isinstance(value, str) else value
    return _are_texts(spellings) and bool(spellings) and all(spellings)


def _is_date_format(form: Any) -> bool:
    """One of ours, or strptime's with a year, which reads what it writes."""
    if form in NAMED_FORMATS:
        return True
    try:
        read = datetime.strptime(_DAY.strftime(form), form)  # noqa: DTZ007
    except (ValueError, re.error):
        return False
    return read.year == _DAY.year


def _are_terms(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= _MOST_ENTRIES
        and all(
            isinstance(term, dict)
            and term.keys() <= {"from", "sign"}
            and _is_column(term.get("from"))
            and term.get("sign", "+") in ("+", "-")
            for term in value
        )
    )


def _is_code(field: Field, value: Any) -> bool:
    if field.codes:
        return isinstance(value, str) and value in field.codes
    return _is_text(value) and len(value) <= field.longest


def _is_table(field: Field, value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _are_texts(list(value))
        and all(_is_code(field, code) for code in value.values())
    )


def _is_constant(field: Field, value: Any) -> bool:
    if field.kind == Kind.MONEY:
        return _is_whole(value, MOST_MINOR, least=-MOST_MINOR)
    if field.kind in {Kind.INTEGER, Kind.RATE}:
        return _is_whole(value, field.longest or MAX_RATE_BP)
    if field.kind == Kind.PLACE:
        return _is_text(value) and bool(province_of(value))
    if field.kind == Kind.TEXT:
        return _is_text(value) and len(value) <= field.longest
    return _is_code(field, value)


_COLUMN: tuple[Check, str] = (
    lambda field, value: _is_column(value),
    "the header text of a column, or a list of them",
)
_FLAG: tuple[Check, str] = (lambda field, value: isinstance(value, bool), "true or false")
_TEXT: tuple[Check, str] = (lambda field, value: _is_text(value), "a text")
_DAYS: tuple[Check, str] = (
    lambda field, value: _is_whole(value, _MOST_DAYS, least=-_MOST_DAYS),
    "a whole number of days",
)
# option -> (test of its value, what it is, in words)
_CHECKS: dict[str, tuple[Check, str]] = {
    "from": _COLUMN,
    "minus": _COLUMN,
    "fallback": _COLUMN,
    "terms": (lambda field, value: _are_terms(value), "a list of columns: from, and sign + or -"),
    "required": _FLAG,
    "round": _FLAG,
    "negated": _FLAG,
    "derived": _TEXT,
    "suffix": _TEXT,
    "unit": (lambda field, value: value in list(UNITS), f"one of {', '.join(UNITS)}"),
    "decimal": (lambda field, value: value in [".", ","], "a point or a comma"),
    "at_least": (
        lambda field, value: _is_whole(value, MOST_MINOR, least=-MOST_MINOR),
        "a whole number of minor units",
    ),
    "days": _DAYS,
    "fallback_days": _DAYS,
    "formats": (
        lambda field, value: _are_texts(value) and bool(value) and all(map(_is_date_format, value)),
        "a list of date formats with a year, as %d.%m.%Y or excel",
    ),
    "table": (_is_table, "an object: word, then code"),
    "other": (_is_code, "a code"),
    "value": (_is_constant, "a value of the field"),
}


def _check_entry(name: str, entry: Any) -> None:
    if name not in FIELDS:
        raise MappingError(f"{name[:80]} is no field of the dictionary")
    if not isinstance(entry, dict) or not isinstance(entry.get("as"), str):
        raise MappingError(f"{name}: say how it is read, as {{'as': 'text', 'from': 'Column'}}")
    word = entry["as"]
    if word not in WORDS:
        raise MappingError(f"{name}: unknown transform {word[:40]!r}")
    takes = WORDS[word][1] | _OPTIONS.get(word, frozenset()) | _OF_EVERY_WORD
    if unknown := entry.keys() - takes:
        known = ", ".join(sorted(takes))
        raise MappingError(f"{name}: {word} takes no {min(unknown)[:40]!r}, but {known}")
    for option, value in entry.items():
        if option == "as":
            continue
        is_right, words = _CHECKS[option]
        if not is_right(FIELDS[name], value):
            codes = FIELDS[name].codes if option in {"table", "other", "value"} else ()
            raise MappingError(f"{name}: {option} is {words}{_listed(codes)}")


def _listed(codes: tuple[str, ...]) -> str:
    return f" ({', '.join(codes)})" if codes else ""


def _is_row_filter(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"column", "values", "rule"}
        and _is_column(value["column"])
        and _are_texts(value["values"])
        and bool(value["values"])
        and value["rule"] == "not_charged_off"
    )


def _is_suggestion(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {"currency", "cut_off_date"}:
        return False
    try:
        date.fromisoformat(value.get("cut_off_date", "2001-01-01"))
    except (TypeError, ValueError):
        return False
    return _is_text(value.get("currency", ""))


_PARTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "fields": (lambda value: isinstance(value, dict), "an object: field, then how it is filled"),
    "missing": (_are_texts, "a list of texts"),
    "footer": (_are_texts, "a list of texts"),
    "currencies": (_are_texts, "a list of currencies"),
    "preamble_rows": (
        lambda value: _is_whole(value, _MOST_PREAMBLE_ROWS),
        f"a whole number of 0 to {_MOST_PREAMBLE_ROWS}",
    ),
    "keep_rows": (
        _is_row_filter,
        "an object of column, values (a list of texts) and rule (not_charged_off)",
    ),
    "suggested": (_is_suggestion, "an object of currency and cut_off_date (2025-12-31)"),
    "name": (lambda value: True, ""),  # Given by the venue: what stands here does not count.
    "version": (lambda value: True, ""),
    "title": (_is_text, "a text"),
    "description": (_is_text, "a text"),
}


def check_shape(document: MappingOf[str, Any]) -> None:
    """Raise MappingError for a part or option that is unknown or not of its kind."""
    if "fields" not in document:
        raise MappingError("The mapping has no fields")
    for part, value in document.items():
        if part not in _PARTS:
            raise MappingError(f"{part[:40]!r} is no part of a mapping, but {', '.join(_PARTS)}")
        is_right, words = _PARTS[part]
        if not is_right(value):
            raise MappingError(f"{part} is {words}")
    for name, entry in document["fields"].items():
        _check_entry(name, entry)
