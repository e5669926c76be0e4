"""Proposals of a mapping: from the names of columns and from what stands in them. Pure.

A proposal never decides: it carries a confidence, its reasons and sample values, identities
masked. How a column is read is tried with the very transforms of the import.
"""

import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npa_market.common.money import format_minor
from npa_market.tapes.columns import Column, Flags, no_flags
from npa_market.tapes.dictionary import FIELDS, Field, Kind
from npa_market.tapes.geography import province_of
from npa_market.tapes.identity import id_facts
from npa_market.tapes.mapping import Setting
from npa_market.tapes.masking import masked_cell, masked_id_number, masked_mobile, masked_name
from npa_market.tapes.readings import as_text, readings_of
from npa_market.tapes.transforms import TRANSFORMS, Cells
from npa_market.tapes.vocabulary import code_words, is_personal_name, named_fields, unit_of

SURE = 0.8
_DOUBTFUL = 0.75  # Below SURE: another way of reading gives other values.
_WORTH_SHOWING = 0.25
SAMPLES_SHOWN = 4
MISSING_WORDS = frozenset({"", "NA", "N/A", "n/a", "NULL", "null", "None", "-", "--", "#N/A"})
_MOBILE = re.compile(r"(\+?86)?1[3-9]\d{9}", re.ASCII)
_EXPONENT = re.compile(r"\d(\.\d+)?E\+?1[5-9]", re.ASCII | re.IGNORECASE)
_ROUNDED_ID = re.compile(r"\d{15}000", re.ASCII)
_CHINESE_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}")
# 1.234,56 or 1 234,56: a comma and at most two digits at the end of each value that has one.
_COMMA_AMOUNT = re.compile(
    r"-?((?!0\D)\d{1,3}([. \u00a0\u202f])\d{3}(\2\d{3})*|\d+)(,\d{1,2})?", re.ASCII
)
_SUFFIX = re.compile(r"\d+(?:\.0+)?\s*([^\d\s.,].{0,11})")
_FORMATS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%b-%Y", "%Y-%m",
    "%Y/%m", "%Y年%m月", "%y%m%d", "excel", "days_since_1960", "quarter",
)  # fmt: skip
EXPONENT_WORDS = (
    "A spreadsheet turned these numbers into texts like 1.1E+17 and their last digits are lost. "
    "Export the column as text from the source system; the rows cannot be repaired here."
)


@dataclass(frozen=True)
class Proposal:
    """What one column of a file may mean. `entry`: as a mapping writes it; None = leave aside."""

    position: int
    column: str
    target: str
    entry: dict[str, Any] | None
    confidence: float
    reasons: tuple[str, ...]
    filled: int
    samples: tuple[str, ...] = field(default=(), repr=False)
    warning: str = ""

    @property
    def is_sure(self) -> bool:
        """Good enough to stand unless somebody objects."""
        return self.entry is not None and self.confidence >= SURE


def proposals(
    header: Sequence[str], rows: Sequence[Sequence[str]], setting: Setting
) -> list[Proposal]:
    """One proposal per column, each field at most once, from a header and sample rows."""
    columns = [
        [row[at].strip() if at < len(row) else "" for row in rows] for at in range(len(header))
    ]
    candidates = [
        (confidence, -at, name, entry, reasons)
        for at, column in enumerate(header)
        for confidence, name, entry, reasons in _candidates(column, columns[at], setting)
    ]
    chosen: dict[int, tuple[float, str, dict[str, Any], tuple[str, ...]]] = {}
    taken: set[str] = set()
    for confidence, minus, name, entry, reasons in sorted(
        candidates, key=lambda each: each[:2], reverse=True
    ):
        if -minus not in chosen and name not in taken:
            chosen[-minus] = (confidence, name, {**entry, "from": header[-minus]}, reasons)
            taken.add(name)
    nothing: tuple[float, str, None, tuple[str, ...]] = (0.0, "", None, ())
    return [
        _proposal(at, column, columns[at], chosen.get(at, nothing))
        for at, column in enumerate(header)
    ]


def _proposal(at: int, column: str, cells: list[str], found: Any) -> Proposal:
    confidence, name, entry, reasons = found
    filled = [cell for cell in cells if cell not in MISSING_WORDS]
    return Proposal(
        at,
        column,
        name,
        entry,
        round(confidence, 2),
        reasons,
        len(filled),
        samples(column, name, filled),
        _warning(filled),
    )


def samples(column: str, name: str, filled: Sequence[str]) -> tuple[str, ...]:
    """Some different values of a column, identities masked."""
    some = list(dict.fromkeys(filled))[:SAMPLES_SHOWN]
    if name == "mobile":
        return tuple(map(masked_mobile, some))
    if name == "id_number":
        return tuple(map(masked_id_number, some))
    is_personal = (name and FIELDS[name].is_personal) or (not name and is_personal_name(column))
    if is_personal or (not name and _share(_CHINESE_NAME.fullmatch, filled) > 0.8):
        return tuple(map(masked_name, some))
    return tuple(map(masked_cell, some))


def _warning(filled: Sequence[str]) -> str:
    if _share(_EXPONENT.fullmatch, filled) > 0.2 or _share(_ROUNDED_ID.fullmatch, filled) > 0.5:
        return EXPONENT_WORDS
    return ""


def _share(test: Any, cells: Sequence[str]) -> float:
    return sum(1 for cell in cells if test(cell)) / len(cells) if cells else 0.0


def _candidates(
    column: str, cells: list[str], setting: Setting
) -> list[tuple[float, str, dict[str, Any], tuple[str, ...]]]:
    """(confidence, field, entry, reasons) for every field that a column may fill."""
    filled = [cell for cell in cells if cell not in MISSING_WORDS]
    named, shown = named_fields(column), _shown_fields(filled)
    found = []
    for name in {*named, *shown}:
        by_name, reason = named.get(name, (0.0, ""))
        by_value, value_reason = shown.get(name, (0.0, ""))
        entry, share, doubt = best_entry(FIELDS[name], column, filled, setting)
        reasons = tuple(filter(None, (reason, value_reason, doubt)))
        if not filled:
            found.append((by_name * 0.75, name, entry, (*reasons, "the column is empty")))
            continue
        if share < 0.5:
            reasons = (*reasons, f"only {share:.0%} of the values can be read so")
        confidence = (1 - (1 - by_name) * (1 - by_value)) * (0.3 + 0.7 * share)
        confidence = min(confidence, _DOUBTFUL) if doubt else confidence
        found.append((confidence, name, entry, reasons))
    return [candidate for candidate in found if candidate[0] >= _WORTH_SHOWING]


def _shown_fields(filled: Sequence[str]) -> dict[str, tuple[float, str]]:
    """Fields that the values alone speak of."""
    shown: dict[str, tuple[float, str]] = {}
    if not filled:
        return shown
    ids = _share(lambda cell: not id_facts(cell).fault, filled)
    if ids > 0.5:
        shown["id_number"] = (0.9, f"{ids:.0%} are ID numbers with a right check digit")
    elif _share(_EXPONENT.fullmatch, filled) > 0.5:
        shown["id_number"] = (0.5, "the values look like ID numbers spoilt by a spreadsheet")
    mobiles = _share(_MOBILE.fullmatch, filled)
    if mobiles > 0.8:
        shown["mobile"] = (0.85, f"{mobiles:.0%} are mobile numbers")
    places = _share(province_of, filled)
    if places > 0.9:
        shown["province"] = (0.7, f"{places:.0%} are provinces or states")
    for name in ("sex", "grade", "litigation_status", "status"):
        known = {word.casefold() for word in code_words(name)}
        share = _share(lambda cell, known=known: cell.casefold() in known, filled)
        if share > 0.9:
            shown[name] = (0.6, f"{share:.0%} are words of the list “{FIELDS[name].title}”")
    return shown


def best_entry(
    target: Field, column: str, filled: Sequence[str], setting: Setting
) -> tuple[dict[str, Any], float, str]:
    """The way of reading that reads most of the values, their share 0..1, and any doubt in words.

    The doubt names another way that gives other amounts or days for the same values.
    """
    entries = _entries(target, column, filled)
    if not filled:
        return entries[0], 0.0, ""
    reads = [_read(target, entry, filled, setting) for entry in entries]
    shares = [float(is_good.mean()) for _, is_good in reads]
    # One value in 500 tells day first from month first; other ways go by what is likelier.
    places = 6 if target.kind == Kind.DATE else 2
    best = max(range(len(entries)), key=lambda at: (round(shares[at], places), -at))
    for at, entry in enumerate(entries):
        is_rival = target.kind == Kind.MONEY or (
            target.kind == Kind.DATE and round(shares[at], 2) >= round(shares[best], 2)
        )
        row = _first_difference(reads[best], reads[at]) if is_rival else None
        if row is not None:
            ways = (
                f"“{_title(target, way)}” reads {_shown(target, read.values.iloc[row], setting)}"
                for way, (read, _) in ((entries[best], reads[best]), (entry, reads[at]))
            )
            return entries[best], shares[best], f"choose: {', '.join(ways)}"
    return entries[best], shares[best], ""


def _first_difference(one: tuple[Column, Flags], other: tuple[Column, Flags]) -> int | None:
    """The first row that both read, and read differently."""
    both = np.flatnonzero(one[1] & other[1])
    first, second = (read.values.iloc[both].to_numpy() for read, _ in (one, other))
    differing = both[first != second]
    return int(differing[0]) if len(differing) else None


def _title(target: Field, entry: MappingOf[str, Any]) -> str:
    return dict(readings_of(target, entry))[as_text(entry)]


def _shown(target: Field, value: Any, setting: Setting) -> str:
    if target.kind == Kind.MONEY:
        return format_minor(int(value), setting.currency)
    return f"{value.day} {value:%B %Y}"


def _read(
    target: Field, entry: MappingOf[str, Any], filled: Sequence[str], setting: Setting
) -> tuple[Column, Flags]:
    """The values as the import would take them, and which it would take: credible dates only."""
    array = np.empty(len(filled), dtype=object)
    array[:] = filled
    options = {**{key: value for key, value in entry.items() if key != "as"}, "from": "x"}
    cells = Cells({"x": array}, {"x": no_flags(len(filled))}, len(filled))
    read = TRANSFORMS[entry["as"]](cells, target, options, setting)
    is_good = read.is_filled
    if target.kind == Kind.DATE:
        years = read.values.dt.year
        is_good = is_good & ((years >= 1980) & (years <= setting.cut_off_date.year)).to_numpy()
    return read, is_good


def _entries(target: Field, column: str, filled: Sequence[str]) -> list[dict[str, Any]]:
    """Ways of reading that suit the field, the likeliest first."""
    if target.kind == Kind.MONEY:
        return _money_entries(column, filled)
    if target.kind == Kind.DATE:
        return [{"as": "date"}, *({"as": "date", "formats": [form]} for form in _FORMATS)]
    if target.kind == Kind.RATE:
        return _rate_entries(filled)
    if target.kind == Kind.INTEGER:
        found = [match for match in map(_SUFFIX.fullmatch, filled) if match]
        suffix = {"suffix": found[0][1].strip()} if found else {}
        return [{"as": "integer", **suffix}]
    if target.kind in {Kind.CODE, Kind.FLAG}:
        return _code_entries(target, filled)
    return [{"as": str(target.kind)}]


def _money_entries(column: str, filled: Sequence[str]) -> list[dict[str, Any]]:
    unit = {
        "万元": "ten_thousand",
        "万": "ten_thousand",
        "千元": "thousand",
        "分": "minor",
        "cents": "minor",
    }.get(unit_of(column), "")
    scale: dict[str, Any] = {"unit": unit} if unit else {}
    numbers = [cell for cell in filled if cell.strip("-+0.,") or "0" in cell]
    negative = numbers and all(
        cell.lstrip().startswith(("-", "(")) or not cell.strip("0.,") for cell in numbers
    )
    if negative and any(cell.strip("-+0.,() ") for cell in numbers):
        scale = {**scale, "negated": True}
    base: dict[str, Any] = {"as": "money", **scale}
    entries, comma = [base, {**base, "round": True}], {**base, "decimal": ","}
    alike = [cell for cell in filled if _COMMA_AMOUNT.fullmatch(cell)]
    if 2 * len(alike) <= len(filled) or all(cell.lstrip("-").isdigit() for cell in alike):
        return entries
    is_certain = len(alike) == len(filled) and any("," in cell for cell in alike)
    return [comma, *entries] if is_certain else [*entries, comma]


def _rate_entries(filled: Sequence[str]) -> list[dict[str, Any]]:
    if any("%" in cell for cell in filled):
        return [{"as": "percent_text"}, {"as": "percent_points"}]
    try:
        largest = max((abs(float(cell)) for cell in filled), default=0.0)
    except ValueError:
        return [{"as": "percent_points"}, {"as": "fraction"}]
    # Nobody lends at less than 1.5 % or more than 150 % a year in the same column.
    return [{"as": "fraction" if largest <= 1.5 else "percent_points"}]


def _code_entries(target: Field, filled: Sequence[str]) -> list[dict[str, Any]]:
    usual = {word.casefold(): (word, code) for word, code in code_words(target.name).items()}
    table = {
        cell: usual[cell.casefold()][1]
        for cell in dict.fromkeys(filled)
        if cell.casefold() in usual
    }
    entry: dict[str, Any] = {"as": "code", "table": table}
    return [entry] if target.codes else [entry, {"as": "text"}]
