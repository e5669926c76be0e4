"""What a mapping can do with a source column: one function per word, columns in, column out.

Each takes the cells of the chunk by source column and the options written in the mapping, and
returns the target field's column. A source column that the tape lacks is a column of gaps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from npa_market.tapes import parsing
from npa_market.tapes.columns import (
    Column,
    Flags,
    Texts,
    days,
    integers,
    no_flags,
    objects,
    parsed,
    parsed_amounts,
    texts,
)
from npa_market.tapes.dictionary import Field, Kind
from npa_market.tapes.geography import province_of
from npa_market.tapes.mapping import Setting

DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y年%m月%d日",
    "%Y.%m.%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S.%f",
)


@dataclass(frozen=True)
class Cells:
    """Trimmed texts of the chunk by source column, (rows,), and which of them mean "nothing"."""

    texts: Mapping[str, Texts]
    missing: Mapping[str, Flags]
    rows: int

    def of(self, source: str) -> tuple[Texts, Flags]:
        """Cells of a source column and which are empty."""
        if source not in self.texts:
            return np.full(self.rows, "", dtype=object), ~no_flags(self.rows)
        return self.texts[source], self.missing[source]


Options = Mapping[str, Any]
Transform = Callable[[Cells, Field, Options, Setting], Column]


def _text(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    found, is_missing = cells.of(options["from"])
    if "fallback" in options:
        other, other_is_missing = cells.of(options["fallback"])
        found = np.where(is_missing, other, found)
        is_missing = is_missing & other_is_missing

    def kept(text: str) -> str:
        if len(text) > field.longest or "\0" in text or "\ufffd" in text:
            raise parsing.Unreadable
        return text

    return parsed(found, is_missing, kept, texts)


def _money(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    parse = parsing.parse_rounded_amount if options.get("round") else parsing.parse_amount
    unit, decimal = options.get("unit", ""), options.get("decimal", ".")
    if not unit and decimal == ".":
        column = parsed_amounts(*cells.of(options["from"]), setting.currency, parse)
    else:
        scaled = parsing.amount_parser(
            is_rounded=bool(options.get("round")), unit=unit, decimal=decimal
        )
        found, is_missing = cells.of(options["from"])
        column = parsed(found, is_missing, lambda text: scaled(text, setting.currency), integers)
    return replace(column, values=-column.values) if options.get("negated") else column


def _sum(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    """Terms added or taken away; an empty term counts 0, the sum is missing where all are.

    With `at_least`, a sum below it is that amount (minor units): a stated repair of roundings.
    """
    total, is_bad = None, no_flags(cells.rows)
    is_missing = ~no_flags(cells.rows)
    for term in options["terms"]:
        part = _money(cells, field, {**options, "from": term["from"]}, setting)
        amounts = part.values.fillna(0)
        amounts = -amounts if term.get("sign") == "-" else amounts
        total = amounts if total is None else total + amounts
        is_bad, is_missing = is_bad | part.is_bad, is_missing & part.is_missing
    assert total is not None
    if "at_least" in options:
        total = total.clip(lower=options["at_least"])
    return Column(total.mask(is_missing | is_bad), is_missing & ~is_bad, is_bad)


def _difference(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    """`from` less `minus`; each cell is rounded first where the mapping says `round`."""
    whole = _money(cells, field, {**options, "from": options["from"]}, setting)
    part = _money(cells, field, {**options, "from": options["minus"]}, setting)
    is_bad = whole.is_bad | part.is_bad
    is_missing = (whole.is_missing | part.is_missing) & ~is_bad
    return Column(whole.values - part.values, is_missing, is_bad)


def _date(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    formats = tuple(options.get("formats", DATE_FORMATS))
    found, is_missing = cells.of(options["from"])
    return parsed(found, is_missing, lambda text: parsing.parse_date(text, formats), days)


def _first_date(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    """The date in `from`, else the one in `fallback`."""
    first = _date(cells, field, options, setting)
    other = _date(cells, field, {**options, "from": options["fallback"]}, setting)
    values = first.values.where(~first.is_missing, other.values)
    return Column(
        values,
        first.is_missing & other.is_missing,
        first.is_bad | (first.is_missing & other.is_bad),
    )


def _date_after(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    """`days` after `from` (else `fallback_days` after `fallback`), at most the cut-off date."""
    first = _date(cells, field, options, setting)
    either = _first_date(cells, field, options, setting)
    added = np.where(first.is_missing, options["fallback_days"], options["days"])
    moved = either.values + pd.to_timedelta(pd.Series(added), unit="D").astype("timedelta64[s]")
    cut_off = pd.Timestamp(setting.cut_off_date)
    values = moved.where(~(moved > cut_off), cut_off).astype("datetime64[s]")
    # A source date after the cut-off is no reason for a quiet clamp: the rules must see it.
    values = values.where(~(either.values > cut_off), either.values)
    return Column(values, either.is_missing, either.is_bad)


def _days_to_cut_off(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    """Whole days from the date in `from` (else `fallback`) to the cut-off date, at least 0."""
    either = _first_date(cells, field, options, setting)
    passed = (pd.Timestamp(setting.cut_off_date) - either.values).dt.days.clip(lower=0)
    return Column(passed.astype("Int64"), either.is_missing, either.is_bad)


def _days_before_cut_off(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    """The day that lies `from` whole days before the cut-off date."""
    found, is_missing = cells.of(options["from"])
    read = parsed(found, is_missing, lambda text: parsing.parse_integer(text, "", 36_600), integers)
    back = pd.to_timedelta(read.values.astype("float64"), unit="D").astype("timedelta64[s]")
    values = (pd.Timestamp(setting.cut_off_date) - back).astype("datetime64[s]")
    return Column(values, read.is_missing, read.is_bad)


def _rate(parse: Callable[[str], int]) -> Transform:
    def transform(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
        return parsed(*cells.of(options["from"]), parse, integers)

    return transform


def _integer(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    suffix = options.get("suffix", "")
    found, is_missing = cells.of(options["from"])
    return parsed(
        found,
        is_missing,
        lambda text: parsing.parse_integer(text, suffix, field.longest),
        integers,
    )


def _code(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    """A word of `table` (or a code of the dictionary itself); others are unreadable.

    With `other`, words outside the table have that code.
    """
    table = {word.casefold(): code for word, code in options.get("table", {}).items()}
    table |= {code: code for code in field.codes}

    def known(text: str) -> str:
        code = table.get(text.casefold(), options.get("other"))
        if code is None:
            raise parsing.Unreadable
        return str(code)

    found, is_missing = cells.of(options["from"])
    return parsed(found, is_missing, known, texts)


def _place(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    def known(text: str) -> str:
        if place := province_of(text):
            return place
        raise parsing.Unreadable

    return parsed(*cells.of(options["from"]), known, texts)


def _constant(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    value = options["value"]
    if field.kind == Kind.PLACE:
        value = province_of(value) or value
    make = texts if field.kind in {Kind.TEXT, Kind.CODE, Kind.FLAG, Kind.PLACE} else integers
    return Column(make([value] * cells.rows), no_flags(cells.rows), no_flags(cells.rows))


def _receipts(cells: Cells, field: Field, options: Options, setting: Setting) -> Column:
    found, is_missing = cells.of(options["from"])
    return parsed(
        found, is_missing, lambda text: parsing.parse_receipts(text, setting.currency), objects
    )


# word of a mapping (mapping.WORDS) -> function
TRANSFORMS: dict[str, Transform] = {
    "text": _text,
    "money": _money,
    "difference": _difference,
    "sum": _sum,
    "date": _date,
    "date_after": _date_after,
    "days_before_cut_off": _days_before_cut_off,
    "days_to_cut_off": _days_to_cut_off,
    "percent_text": _rate(parsing.parse_percent_text),
    "percent_points": _rate(parsing.parse_percent_points),
    "fraction": _rate(parsing.parse_fraction),
    "integer": _integer,
    "code": _code,
    "place": _place,
    "constant": _constant,
    "receipts": _receipts,
}
