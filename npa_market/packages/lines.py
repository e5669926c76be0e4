"""Criteria as lines of an editor: groups and conditions one under the other, indented by level.

The form of criteria that people work on, with or without a script: `lines_of` shows a stored
document, `document_of` reads the lines back and says which line is wrong. A condition without a
value, and a group without conditions, do not restrict and are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from npa_market.common.errors import InvalidInput
from npa_market.common.money import format_minor, parse_minor
from npa_market.packages.criteria import MAX_CONDITIONS, MAX_NUMBER
from npa_market.packages.fields import FIELDS, Field, Kind

GROUPS = {
    "all": "all of these hold",
    "any": "any of these holds",
    "none": "none of these holds",
    "not_all": "not all of these hold",
}
_PRESENCE = {"given": "is given", "missing": "is not given"}
_LISTED = {"in": "is one of", "not_in": "is none of"}
_FLAGS = {"yes": "yes", "no": "no"}
CONDITION = "condition"
MAX_LINES = 2 * MAX_CONDITIONS
MAX_LEVEL = 4
_RANGES = (Kind.MONEY, Kind.NUMBER, Kind.MONTHS, Kind.DATE)


@dataclass(frozen=True)
class Line:
    """A group (`kind` of GROUPS) or a condition. `values`: of a list; `low`, `high`: of a range."""

    level: int
    kind: str
    field: str = ""
    op: str = ""
    values: tuple[str, ...] = ()
    low: str = ""
    high: str = ""

    @property
    def is_group(self) -> bool:
        """A group has the lines below it that stand one level further in."""
        return self.kind != CONDITION


@dataclass(frozen=True)
class Reading:
    """What the lines mean (None = every loan), and what is wrong with a line, by its number."""

    where: dict[str, Any] | None
    faults: dict[int, str] = field(default_factory=dict)


def operators(kind: Kind) -> dict[str, str]:
    """Comparisons that the editor offers for a kind of field, with their words."""
    if kind is Kind.FLAG:
        return _FLAGS | _PRESENCE
    if kind in _RANGES:
        return {"range": "from … to"} | _PRESENCE
    return _LISTED | (_PRESENCE if kind is Kind.TEXT else {})


EMPTY = (Line(0, "all"),)


def lines_of(where: dict[str, Any] | None, currency: str) -> list[Line]:
    """The lines that show a stored `where`; the first one is the outermost group."""
    if not where:
        return list(EMPTY)
    if "field" in where:
        where = {"all": [where]}
    return _lines(where, 0, currency)


def _lines(node: dict[str, Any], level: int, currency: str) -> list[Line]:
    if "field" in node:
        return [_condition_line(node, level, currency)]
    ((kind, content),) = node.items()
    if kind == "not":
        inner = content if isinstance(content, dict) else {}
        kind, content = "none", [inner]
        if set(inner) == {"any"}:
            content = inner["any"]
        elif set(inner) == {"all"}:
            kind, content = "not_all", inner["all"]
    below = [line for part in content for line in _lines(part, level + 1, currency)]
    return [Line(level, kind), *below]


def _condition_line(node: dict[str, Any], level: int, currency: str) -> Line:
    name, op = node["field"], node["op"]
    value: Any = node.get("value")
    line = Line(level, CONDITION, name, op)
    if op in _PRESENCE:
        return line
    if op == "is":
        return replace(line, op="yes" if value else "no")
    if op in _LISTED:
        return replace(line, values=tuple(value))
    low = value[0] if op == "between" else value if op == "at_least" else None
    high = value[1] if op == "between" else value if op == "at_most" else None
    shown = FIELDS[name]
    return replace(
        line, op="range", low=_shown(shown, low, currency), high=_shown(shown, high, currency)
    )


def _shown(of: Field, value: Any, currency: str) -> str:
    if value is None:
        return ""
    return format_minor(value, currency) if of.kind is Kind.MONEY else str(value)


def document_of(lines: Sequence[Line], currency: str) -> Reading:
    """Read the lines back; nothing is guessed: a wrong value is a fault of its line."""
    faults: dict[int, str] = {}
    nodes: list[tuple[int, str, list[dict[str, Any]]]] = []
    root: dict[str, Any] | None = None

    def close(level: int) -> None:
        nonlocal root
        while nodes and nodes[-1][0] >= level:
            _, kind, parts = nodes.pop()
            whole = _grouped(kind, parts)
            if whole is None:
                continue
            if nodes:
                nodes[-1][2].append(whole)
            else:
                root = whole

    for number, line in enumerate(lines):
        close(line.level)
        if line.is_group:
            nodes.append((line.level, line.kind, []))
            continue
        try:
            condition = _condition(line, currency)
        except InvalidInput as refusal:
            faults[number] = refusal.message
            continue
        if condition and nodes:
            nodes[-1][2].append(condition)
    close(0)
    return Reading(root, faults)


def _grouped(kind: str, parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not parts:
        return None
    if kind in {"all", "any"}:
        return {kind: parts}
    if len(parts) == 1 and kind == "none":
        return {"not": parts[0]}
    return {"not": {"any" if kind == "none" else "all": parts}}


def _condition(line: Line, currency: str) -> dict[str, Any] | None:
    of = FIELDS.get(line.field)
    if of is None:
        return None
    if line.op not in operators(of.kind):
        return None  # Another field was chosen; its comparison is not chosen yet.
    if line.op in _PRESENCE:
        return {"field": of.name, "op": line.op}
    if line.op in _FLAGS:
        return {"field": of.name, "op": "is", "value": line.op == "yes"}
    if line.op in _LISTED:
        values = [value for value in line.values if value]
        return {"field": of.name, "op": line.op, "value": values} if values else None
    return _range(of, line, currency)


def _range(of: Field, line: Line, currency: str) -> dict[str, Any] | None:
    low, high = (_limit(of, text, currency) for text in (line.low, line.high))
    if low is None and high is None:
        return None
    if low is None:
        return {"field": of.name, "op": "at_most", "value": high}
    if high is None:
        return {"field": of.name, "op": "at_least", "value": low}
    if low > high:
        raise InvalidInput("range_reversed", "The upper limit is below the lower one.")
    return {"field": of.name, "op": "between", "value": [low, high]}


def _limit(of: Field, text: str, currency: str) -> Any:
    typed = text.strip()
    if not typed:
        return None
    if of.kind is Kind.MONEY:
        amount = parse_minor(typed, currency)
        if amount < 0:
            raise InvalidInput("amount_negative", "The amount must not be negative.")
        return amount
    if of.kind is Kind.DATE:
        try:
            return date.fromisoformat(typed).isoformat()
        except ValueError as error:
            raise InvalidInput("date_wrong", "Write the date as YYYY-MM-DD.") from error
    highest = 1200 if of.kind is Kind.MONTHS else MAX_NUMBER
    plain = typed.replace(",", "")
    if not plain.isascii() or not plain.isdigit() or int(plain[:20]) > highest:
        raise InvalidInput("number_wrong", f"Write a whole number from 0 to {highest:,}.")
    return int(plain)


def edited(lines: Sequence[Line], act: str) -> list[Line]:
    """The lines after one act of the editor: `condition:3` and `group:3` add to the group on line
    3, `remove:3` takes line 3 with all below it. Anything else changes nothing."""
    verb, _, place = act.partition(":")
    kept = list(lines)
    if not place.isascii() or not place.isdigit() or int(place) >= len(kept):
        return kept
    at = int(place)
    end = _end_of(kept, at)
    level = kept[at].level + 1
    if verb == "remove":
        return kept[:at] + kept[end:] if at else list(EMPTY)
    is_full = len(kept) + 2 > MAX_LINES
    if verb not in {"condition", "group"} or not kept[at].is_group or is_full:
        return kept
    added = [Line(level, CONDITION)]
    if verb == "group":
        if level > MAX_LEVEL:
            return kept
        added = [Line(level, "any"), Line(level + 1, CONDITION)]
    return kept[:end] + added + kept[end:]


def _end_of(lines: Sequence[Line], at: int) -> int:
    """First line after `at` that does not belong to it."""
    for number in range(at + 1, len(lines)):
        if lines[number].level <= lines[at].level:
            return number
    return len(lines)


def posted_lines(posted: Mapping[str, Any], lists: Any) -> list[Line]:
    """The lines of a sent form (`line-0-kind`, …); `lists(name)` gives all values of a name."""
    lines: list[Line] = []
    while len(lines) < MAX_LINES:
        prefix = f"line-{len(lines)}"
        kind = posted.get(f"{prefix}-kind")
        if kind is None:
            break
        level = posted.get(f"{prefix}-level", "0")
        lines.append(
            Line(
                _level(level, lines),
                kind if kind in GROUPS else CONDITION,
                field=str(posted.get(f"{prefix}-field", ""))[:100],
                op=str(posted.get(f"{prefix}-op", ""))[:100],
                values=tuple(str(value)[:100] for value in lists(f"{prefix}-values")),
                low=str(posted.get(f"{prefix}-low", ""))[:40],
                high=str(posted.get(f"{prefix}-high", ""))[:40],
            )
        )
    if not lines or not lines[0].is_group:
        return list(EMPTY)
    return lines


def _level(text: str, before: Sequence[Line]) -> int:
    """A line stands at most one level further in than the group before it."""
    if not before:
        return 0
    deepest = before[-1].level + (1 if before[-1].is_group else 0)
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 1
    return max(1, min(wanted, deepest))
