"""Fields that no single column fills: constants, differences, sums, proxies; as rows of a form.

A row is one entry of a mapping. What the form cannot say (several spellings of a header, date
formats) is carried along as it stands; an entry of another shape stays with the experts' data.
"""

import json
import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from npa_market.common.errors import InvalidInput
from npa_market.common.money import format_minor, parse_minor
from npa_market.tapes.dictionary import FIELDS, Kind
from npa_market.tapes.mapping import WORDS, folded_header

Entry = dict[str, Any]
_NUMBER = re.compile(r"[0-9]{1,5}(\.[0-9]{1,2})?")
ROWS = 20
TERMS = 4
# How a field is filled -> (word of the mapping, words to choose it by, what the row asks for).
HOWS: dict[str, tuple[str, str, frozenset[str]]] = {
    "constant": ("constant", "the same value in every row", frozenset({"value"})),
    "difference": ("difference", "first column less the second", frozenset({"two", "round"})),
    "sum": (
        "sum",
        "columns added and taken away",
        frozenset({"two", "more", "signs", "round", "floor"}),
    ),
    "either": ("text", "first column; where it is empty, the second", frozenset({"two"})),
    "date_after": (
        "date_after",
        "a day so many days after the first date, else after the second",
        frozenset({"two", "days", "words"}),
    ),
    "days_to_cut_off": (
        "days_to_cut_off",
        "days from the first date, else the second, to the cut-off date",
        frozenset({"two", "words"}),
    ),
}
_SAID = {
    "constant": {"value"},
    "difference": {"from", "minus", "round"},
    "sum": {"terms", "round", "at_least"},
    "either": {"from", "fallback"},
    "date_after": {"from", "fallback", "days", "fallback_days", "derived"},
    "days_to_cut_off": {"from", "fallback", "derived"},
}


@dataclass(frozen=True)
class Combined:
    """One row of the form. columns: at most TERMS; minus: places of those taken away.

    rest: options of the entry that the form does not show.
    """

    field: str = ""
    how: str = ""
    columns: tuple[str, ...] = ()
    minus: frozenset[int] = frozenset()
    value: str = ""
    days: tuple[str, str] = ("", "")
    words: str = ""
    is_rounded: bool = False
    has_floor: bool = False
    rest: str = ""

    @property
    def hows(self) -> list[tuple[str, str]]:
        """Ways that suit the field."""
        return [(how, HOWS[how][1]) for how in suitable(self.field)]

    @property
    def asks(self) -> frozenset[str]:
        """Parts that the chosen way needs."""
        return HOWS[self.how][2] if self.how else frozenset()

    @property
    def places(self) -> list[tuple[int, str, bool]]:
        """(place, column, is it taken away) for the inputs of the row."""
        if "two" not in self.asks:
            return []
        shown = TERMS if "more" in self.asks else 2
        columns = [*self.columns, *[""] * TERMS][:shown]
        return [(at, column, at in self.minus) for at, column in enumerate(columns)]


def suitable(field: str) -> list[str]:
    """Ways to fill a field of this kind."""
    if field not in FIELDS:
        return []
    kind = FIELDS[field].kind
    return [how for how, (word, _, _) in HOWS.items() if kind in WORDS[word][0]]


def combined_of(
    entries: MappingOf[str, Entry], header: Sequence[str], currency: str
) -> tuple[list[Combined], dict[str, Entry]]:
    """Entries as rows of the form, and those that only an expert's data can say."""
    names = {folded_header(name): name for name in reversed(header)}
    rows, others = [], {}
    for field, entry in entries.items():
        row = _row_of(field, entry, names, currency)
        if row is None:
            others[field] = entry
        else:
            rows.append(row)
    return rows, others


def _row_of(field: str, entry: Entry, names: MappingOf[str, str], currency: str) -> Combined | None:
    how = _how_of(entry)
    if how not in suitable(field):
        return None
    terms = entry.get("terms") or [
        {"from": entry[option]} for option in ("from", "minus", "fallback") if option in entry
    ]
    if len(terms) > TERMS or entry.get("at_least", 0) != 0:
        return None
    if any(set(term) - {"from", "sign"} for term in terms):
        return None
    rest = {key: value for key, value in entry.items() if key not in {"as", *_SAID[how]}}
    return Combined(
        field,
        how,
        tuple(_in_file(term["from"], names) for term in terms),
        frozenset(at for at, term in enumerate(terms) if term.get("sign") == "-"),
        _shown_value(field, entry.get("value", ""), currency),
        (str(entry.get("days", "")), str(entry.get("fallback_days", ""))),
        str(entry.get("derived", "")),
        bool(entry.get("round")),
        "at_least" in entry,
        json.dumps(rest, ensure_ascii=False) if rest else "",
    )


def _how_of(entry: Entry) -> str:
    word = entry.get("as", "")
    if word == "text":
        return "either" if "fallback" in entry else ""
    return str(word) if word in HOWS else ""


def _in_file(spellings: str | Sequence[str], names: MappingOf[str, str]) -> str:
    """The spelling of a header that the file has, else the first one."""
    listed = [spellings] if isinstance(spellings, str) else list(spellings)
    return next((names[folded_header(each)] for each in listed if folded_header(each) in names),
                listed[0])  # fmt: skip


def _shown_value(field: str, value: Any, currency: str) -> str:
    if value == "":
        return ""
    if FIELDS[field].kind == Kind.MONEY and isinstance(value, int):
        return format_minor(value, currency)
    if FIELDS[field].kind == Kind.RATE and isinstance(value, int):
        return str(Decimal(value) / 100)
    return str(value)


def combined_of_form(form: MappingOf[str, str]) -> list[Combined]:
    """The rows that people sent; those without a field are gone."""
    rows = []
    for at in range(ROWS):
        field = form.get(f"further_{at}_field", "")
        if field not in FIELDS:
            continue
        ways = suitable(field)
        how = form.get(f"further_{at}_how", "")
        row = Combined(
            field,
            how if how in ways else ways[0] if ways else "",
            tuple(form.get(f"further_{at}_column_{place}", "").strip() for place in range(TERMS)),
            frozenset(
                place for place in range(TERMS) if form.get(f"further_{at}_sign_{place}") == "-"
            ),
            form.get(f"further_{at}_value", "").strip(),
            (form.get(f"further_{at}_days_0", ""), form.get(f"further_{at}_days_1", "")),
            form.get(f"further_{at}_words", "").strip(),
            f"further_{at}_round" in form,
            f"further_{at}_floor" in form,
            form.get(f"further_{at}_rest", ""),
        )
        rows.append(row)
    return rows


def entries_of(rows: Sequence[Combined], header: Sequence[str], currency: str) -> dict[str, Entry]:
    """Entries of a mapping. Raises InvalidInput naming the field and what it lacks."""
    names = {folded_header(name) for name in header}
    entries: dict[str, Entry] = {}
    for row in rows:
        title = FIELDS[row.field].title
        if row.field in entries:
            raise _wrong(title, "is filled twice")
        if not row.how:
            raise _wrong(title, "is filled by one column alone")
        entries[row.field] = _entry_of(row, title, names, currency)
    return entries


def _entry_of(row: Combined, title: str, names: set[str], currency: str) -> Entry:
    given = [(at, column) for at, column in enumerate(row.columns) if column]
    if "two" in row.asks and not (row.columns and row.columns[0] and len(given) > 1):
        raise _wrong(title, "needs at least the first two columns")
    for _, column in given:
        if "two" in row.asks and folded_header(column) not in names:
            raise _wrong(title, f"names “{column}”, which is no column of the file")
    if "words" in row.asks and not row.words:
        raise _wrong(title, "needs words that say how it is made: they are disclosed")
    entry: Entry = {**_rest_of(row), "as": HOWS[row.how][0]}
    if row.how == "constant":
        return entry | {"value": _value(row, title, currency)}
    if row.how == "sum":
        entry["terms"] = [
            {"from": column} | ({"sign": "-"} if at in row.minus else {}) for at, column in given
        ]
        entry |= {"at_least": 0} if row.has_floor else {}
    else:
        second = "minus" if row.how == "difference" else "fallback"
        entry |= {"from": given[0][1], second: given[1][1]}
    entry |= {"round": True} if row.is_rounded and "round" in row.asks else {}
    entry |= {"derived": row.words} if "words" in row.asks else {}
    if "days" in row.asks:
        entry |= {"days": _days(row.days[0], title), "fallback_days": _days(row.days[1], title)}
    return entry


def _rest_of(row: Combined) -> Entry:
    try:
        rest = json.loads(row.rest or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(rest, dict):
        return {}
    hidden = {"as", *_SAID[row.how]}
    return {key: each for key, each in rest.items() if key not in hidden}


def _value(row: Combined, title: str, currency: str) -> str | int:
    kind = FIELDS[row.field].kind
    if not row.value:
        raise _wrong(title, "needs a value")
    if kind == Kind.MONEY:
        return parse_minor(row.value, currency, field="further")
    if kind in {Kind.INTEGER, Kind.RATE}:
        digits = row.value.rstrip("% ")
        if not _NUMBER.fullmatch(digits):
            raise _wrong(title, "needs a number of 0 to 99,999, with at most two decimals")
        number = Decimal(digits) * (100 if kind == Kind.RATE else 1)
        if number != int(number):
            raise _wrong(title, "needs a whole number")
        return int(number)
    codes = FIELDS[row.field].codes
    if codes and row.value not in codes:
        raise _wrong(title, f"takes one of {', '.join(codes)}")
    return row.value


def _days(text: str, title: str) -> int:
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text) < 6):
        raise _wrong(title, "needs whole numbers of days")
    return int(text)


def _wrong(title: str, what: str) -> InvalidInput:
    return InvalidInput("further_wrong", f"“{title}” {what}.", field="further")
