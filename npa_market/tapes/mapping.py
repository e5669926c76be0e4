"""A mapping is data: which source column fills which field, read from JSON and checked once."""

import json
import re
import unicodedata
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from npa_market.common.errors import InvalidInput
from npa_market.tapes.dictionary import FIELDS, Field, Kind
from npa_market.tapes.parsing import NAMED_FORMATS, UNITS

FOLDER = Path(__file__).with_name("mappings")

# word -> (kinds of field it may fill, options it must have); the functions are in transforms.py
WORDS: dict[str, tuple[frozenset[Kind], frozenset[str]]] = {
    "text": (frozenset({Kind.TEXT, Kind.CODE}), frozenset({"from"})),
    "money": (frozenset({Kind.MONEY}), frozenset({"from"})),
    "difference": (frozenset({Kind.MONEY}), frozenset({"from", "minus"})),
    "sum": (frozenset({Kind.MONEY}), frozenset({"terms"})),
    "date": (frozenset({Kind.DATE}), frozenset({"from"})),
    "date_after": (
        frozenset({Kind.DATE}),
        frozenset({"from", "days", "fallback", "fallback_days", "derived"}),
    ),
    "days_before_cut_off": (frozenset({Kind.DATE}), frozenset({"from", "derived"})),
    "days_to_cut_off": (frozenset({Kind.INTEGER}), frozenset({"from", "fallback", "derived"})),
    "percent_text": (frozenset({Kind.RATE}), frozenset({"from"})),
    "percent_points": (frozenset({Kind.RATE}), frozenset({"from"})),
    "fraction": (frozenset({Kind.RATE}), frozenset({"from"})),
    "integer": (frozenset({Kind.INTEGER}), frozenset({"from"})),
    "code": (frozenset({Kind.CODE, Kind.FLAG}), frozenset({"from"})),
    "place": (frozenset({Kind.PLACE}), frozenset({"from"})),
    "constant": (frozenset(Kind) - {Kind.DATE, Kind.RECEIPTS}, frozenset({"value"})),
    "receipts": (frozenset({Kind.RECEIPTS}), frozenset({"from"})),
}
# options that name source columns
SOURCES = ("from", "minus", "fallback")


@dataclass(frozen=True)
class Setting:
    """What the upload declared."""

    currency: str
    cut_off_date: date


class MappingError(ValueError):
    """The mapping itself is wrong: names the field and the fault."""


@dataclass(frozen=True)
class FieldSource:
    """How one field is filled. `options` name source columns by their first alias."""

    field: Field
    transform: str
    options: MappingOf[str, Any]
    needed: tuple[str, ...]

    @property
    def derived(self) -> str:
        """Words that say how a stated proxy is made; "" for a field that the tape has."""
        return str(self.options.get("derived", ""))


@dataclass(frozen=True)
class RowFilter:
    """Rows whose `column` has one of `values` are taken; others are rejected as `rule`."""

    column: str
    values: frozenset[str]
    rule: str


@dataclass(frozen=True)
class Mapping:
    """A checked mapping. `aliases`: every spelling of a header, folded, to its source column."""

    name: str
    version: int
    title: str
    description: str
    currencies: tuple[str, ...]
    suggested_currency: str
    suggested_cut_off: date | None
    preamble_rows: int
    footer: tuple[re.Pattern[str], ...]
    missing_words: frozenset[str]
    keep_rows: RowFilter | None
    sources: tuple[FieldSource, ...]
    aliases: MappingOf[str, str]
    needed: frozenset[str]

    def column_positions(self, header: Sequence[str]) -> dict[str, int]:
        """Position of each source column in a header; the first spelling listed wins."""
        folded = [folded_header(cell) for cell in header]
        ranked: dict[str, int] = {}
        for spelling, source in self.aliases.items():
            if source not in ranked and spelling in folded:
                ranked[source] = folded.index(spelling)
        return ranked

    def missing_columns(self, header: Sequence[str]) -> list[str]:
        """Needed source columns that a header lacks, in the mapping's order."""
        found = self.column_positions(header)
        needed = dict.fromkeys(source for source in self.aliases.values() if source in self.needed)
        return [source for source in needed if source not in found]

    def is_footer(self, cells: Sequence[str]) -> bool:
        """A record that is no loan: blank, or its first cell matches a footer pattern."""
        first = next((cell for cell in cells if cell.strip()), "")
        return not first or any(pattern.search(first) for pattern in self.footer)


def folded_header(text: str) -> str:
    """Header spelling without regard to case, width, underscores and blanks."""
    return re.sub(r"[\s_]+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def _aliases(name: str, option: Any) -> list[str]:
    spellings = [option] if isinstance(option, str) else option
    if not spellings or not all(isinstance(text, str) and text for text in spellings):
        raise MappingError(f"{name}: a source column is a header text or a list of them")
    return list(spellings)


def _field_source(name: str, entry: dict[str, Any], aliases: dict[str, str]) -> FieldSource:
    if name not in FIELDS:
        raise MappingError(f"{name} is no field of the dictionary")
    options = dict(entry)
    word = options.pop("as", "")
    if word not in WORDS:
        raise MappingError(f"{name}: unknown transform {word!r}")
    kinds, must = WORDS[word]
    if FIELDS[name].kind not in kinds:
        raise MappingError(f"{name}: {word} does not make a {FIELDS[name].kind}")
    if absent := must - set(options):
        raise MappingError(f"{name}: {word} needs {', '.join(sorted(absent))}")
    is_needed = options.pop("required", FIELDS[name].is_required)
    _check_options(name, options)
    needed = []
    places = [(options, option) for option in SOURCES if option in options]
    for place, option in [*places, *((term, "from") for term in options.get("terms", ()))]:
        spellings = _aliases(name, place[option])
        place[option] = spellings[0]
        for spelling in spellings:
            aliases.setdefault(folded_header(spelling), spellings[0])
        needed.append(spellings[0])
    return FieldSource(FIELDS[name], word, options, tuple(needed) if is_needed else ())


def _check_options(name: str, options: dict[str, Any]) -> None:
    """Refuse formats, units and terms that no transform knows."""
    for form in options.get("formats", ()):
        if "%" not in form and form not in NAMED_FORMATS:
            raise MappingError(f"{name}: unknown date format {form!r}")
    if options.get("unit", "minor") not in UNITS:
        raise MappingError(f"{name}: unknown unit {options['unit']!r}")
    if options.get("decimal", ".") not in (".", ","):
        raise MappingError(f"{name}: the decimal sign is a point or a comma")
    if "terms" in options:
        terms = options["terms"]
        if not terms or not all(isinstance(term, dict) and "from" in term for term in terms):
            raise MappingError(f"{name}: each term needs a source column")
        options["terms"] = [dict(term) for term in terms]


def parse_mapping(document: MappingOf[str, Any]) -> Mapping:
    """Check a mapping document. Raises MappingError naming the field and the fault."""
    aliases: dict[str, str] = {}
    sources = tuple(
        _field_source(name, entry, aliases) for name, entry in document["fields"].items()
    )
    filled = {source.field.name for source in sources}
    for name, field in FIELDS.items():
        if field.is_required and name not in filled:
            raise MappingError(f"“{field.title}” ({name}) is required and has no source")
    if not filled & {"id_number", "borrower_key"}:
        titles = " or ".join(
            f"“{FIELDS[name].title}” ({name})" for name in ("id_number", "borrower_key")
        )
        raise MappingError(f"A borrower needs {titles}, and neither has a source")
    needed = {column for source in sources for column in source.needed}
    keep_rows = None
    if entry := document.get("keep_rows"):
        column = _aliases("keep_rows", entry["column"])[0]
        aliases.setdefault(folded_header(column), column)
        needed.add(column)
        values = frozenset(value.casefold() for value in entry["values"])
        keep_rows = RowFilter(column, values, entry["rule"])
    suggested = document.get("suggested", {})
    cut_off = suggested.get("cut_off_date")
    return Mapping(
        name=document["name"],
        version=document["version"],
        title=document["title"],
        description=document["description"],
        currencies=tuple(document.get("currencies", ())),
        suggested_currency=suggested.get("currency", ""),
        suggested_cut_off=date.fromisoformat(cut_off) if cut_off else None,
        preamble_rows=document.get("preamble_rows", 0),
        footer=tuple(re.compile(pattern) for pattern in document.get("footer", ())),
        missing_words=frozenset(document.get("missing", ("",))) | {""},
        keep_rows=keep_rows,
        sources=sources,
        aliases=aliases,
        needed=frozenset(needed),
    )


@cache
def shipped_documents() -> dict[str, dict[str, Any]]:
    """The mappings that come with the product as they are written, by name."""
    documents = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
    ]
    return {document["name"]: document for document in documents}


@cache
def shipped_mappings() -> dict[str, Mapping]:
    """The same, checked."""
    return {name: parse_mapping(document) for name, document in shipped_documents().items()}


def mapping_named(name: str) -> Mapping:
    """A shipped mapping. Raises InvalidInput for a name that is none."""
    try:
        return shipped_mappings()[name]
    except KeyError:
        raise InvalidInput(
            "mapping_unknown",
            f"There is no mapping of this name; there are: {', '.join(shipped_mappings())}.",
            field="mapping",
        ) from None
