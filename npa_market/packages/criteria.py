"""Criteria of a package as data: read with named errors, compiled to a filter, said in words.

    {"tapes": ["<key>", …],
     "where": {"all": [{"field": "claim", "op": "between", "value": [100000, 5000000]},
                       {"any": [{"field": "province", "op": "in", "value": ["Jiangsu"]}, …]},
                       {"not": {"field": "is_reachable", "op": "is", "value": false}}]},
     "disclose": ["limitation_near"]}

Every part is optional: no tapes = all imported tapes of the seller with the package's currency and
cut-off date; no `where` = every loan. `disclose` names screen rules whose hits stay in the package.
`picked` names a list of loans that the optimiser or a split made: of what the rest chooses, only
these are taken.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q

from npa_market.common.errors import InvalidInput
from npa_market.common.texts import can_be_kept
from npa_market.packages.fields import FIELDS, Field, Kind
from npa_market.packages.months import months_before
from npa_market.packages.screen_items import DISCLOSABLE

MAX_DEPTH, MAX_CONDITIONS, MAX_VALUES = 5, 100, 500
MAX_NUMBER = 2**53 - 1
_RANGES = ("at_least", "at_most", "between")
_PRESENCE = ("missing", "given")
OPERATORS: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("in", "not_in", *_PRESENCE),
    Kind.CHOICE: ("in", "not_in"),
    Kind.MONEY: (*_RANGES, *_PRESENCE),
    Kind.NUMBER: (*_RANGES, *_PRESENCE),
    Kind.MONTHS: (*_RANGES, *_PRESENCE),
    Kind.DATE: (*_RANGES, *_PRESENCE),
    Kind.FLAG: ("is", *_PRESENCE),
}


@dataclass(frozen=True)
class Condition:
    """One comparison. `value`: list for in, pair for between, None for missing and given."""

    field: Field
    op: str
    value: Any


@dataclass(frozen=True)
class Group:
    """Conditions that hold all together, any of them, or (one part) not."""

    kind: Literal["all", "any", "not"]
    parts: tuple["Group | Condition", ...]


@dataclass(frozen=True)
class Criteria:
    """What a package is chosen by; see the module for the document it is read from."""

    tapes: tuple[UUID, ...] = ()
    where: Group | Condition | None = None
    disclose: tuple[str, ...] = ()
    picked: UUID | None = None


def read_criteria(document: Any) -> Criteria:
    """Criteria from their document. Raises InvalidInput naming the place and what is wrong."""
    if not isinstance(document, dict):
        raise _wrong("criteria", "Criteria are an object with tapes, where and disclose.")
    unknown = sorted(set(document) - {"tapes", "where", "disclose", "picked"})
    if unknown:
        raise _wrong("criteria", f"Unknown part of criteria: {', '.join(map(str, unknown))}.")
    where = document.get("where")
    return Criteria(
        tapes=_read_tapes(document.get("tapes", [])),
        where=None if where is None or where == {} else _Reader().node(where, "where", 0),
        disclose=_read_names(document.get("disclose", [])),
        picked=_read_key(document.get("picked")),
    )


def _wrong(place: str, message: str) -> InvalidInput:
    return InvalidInput("criteria_wrong", f"{place}: {message}", field="criteria")


def _read_tapes(values: Any) -> tuple[UUID, ...]:
    if not isinstance(values, list) or len(values) > MAX_VALUES:
        raise _wrong("tapes", f"a list of at most {MAX_VALUES} tape keys is needed.")
    try:
        return tuple(dict.fromkeys(UUID(str(value)) for value in values))
    except ValueError as error:
        raise _wrong("tapes", "a tape key is not a UUID.") from error


def _read_key(value: Any) -> UUID | None:
    if value is None:
        return None
    try:
        return UUID(str(value))
    except ValueError as error:
        raise _wrong("picked", "the key of a list of picked loans is needed.") from error


def _read_names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _wrong("disclose", "a list of screen rules is needed.")
    if set(values) - set(DISCLOSABLE):
        raise InvalidInput(
            "rule_not_disclosable",
            f"Only hits of {', '.join(DISCLOSABLE)} may stay in a package.",
            field="criteria",
        )
    return tuple(dict.fromkeys(values))


class _Reader:
    """Walks the document once and counts, so that no document is too deep or too long."""

    def __init__(self) -> None:
        self.conditions = 0

    def node(self, document: Any, place: str, depth: int) -> Group | Condition:
        if depth > MAX_DEPTH:
            raise _wrong(place, f"groups are nested deeper than {MAX_DEPTH}.")
        if not isinstance(document, dict):
            raise _wrong(place, "a condition or a group is needed.")
        if "field" in document:
            return self.condition(document, place)
        if len(document) != 1 or not set(document) <= {"all", "any", "not"}:
            raise _wrong(place, "a group has exactly one of all, any, not.")
        ((kind, content),) = document.items()
        parts = [content] if kind == "not" else content
        if not isinstance(parts, list) or not parts:
            raise _wrong(f"{place}.{kind}", "the group is empty.")
        return Group(
            kind,
            tuple(
                self.node(part, f"{place}.{kind}[{number}]", depth + 1)
                for number, part in enumerate(parts)
            ),
        )

    def condition(self, document: dict[str, Any], place: str) -> Condition:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise _wrong(place, f"more than {MAX_CONDITIONS} conditions.")
        if set(document) - {"field", "op", "value"}:
            raise _wrong(place, "a condition has field, op and value only.")
        name, op = document["field"], document.get("op")
        field = FIELDS.get(name) if isinstance(name, str) else None
        if field is None:
            raise _wrong(place, "the field is not in the field dictionary.")
        if op not in OPERATORS[field.kind]:
            offered = ", ".join(OPERATORS[field.kind])
            raise _wrong(place, f"{field.name} is compared by one of {offered}.")
        if op in _PRESENCE:
            return Condition(field, op, None)
        return Condition(field, op, _read_value(field, op, document.get("value"), place))


def _read_value(field: Field, op: str, value: Any, place: str) -> Any:
    if op in {"in", "not_in"}:
        if not isinstance(value, list) or not 0 < len(value) <= MAX_VALUES:
            raise _wrong(place, f"{field.name} needs a list of 1 to {MAX_VALUES} values.")
        return tuple(dict.fromkeys(_read_text(field, each, place) for each in value))
    if op == "between":
        if not isinstance(value, list) or len(value) != 2:
            raise _wrong(place, f"{field.name} between needs a list of two values.")
        low, high = (_read_single(field, each, place) for each in value)
        if low > high:
            raise _wrong(place, f"{field.name}: the lower limit is above the upper one.")
        return (low, high)
    return _read_single(field, value, place)


def _read_text(field: Field, value: Any, place: str) -> str:
    if not isinstance(value, str) or len(value) > 100 or not can_be_kept(value):
        raise _wrong(place, f"{field.name} needs texts of at most 100 characters.")
    if field.choices and value not in field.choices:
        raise _wrong(place, f"{field.name} is one of {', '.join(field.choices)}.")
    return value


def _read_single(field: Field, value: Any, place: str) -> Any:
    if field.kind is Kind.FLAG:
        if not isinstance(value, bool):
            raise _wrong(place, f"{field.name} is true or false.")
        return value
    if field.kind is Kind.DATE:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise _wrong(place, f"{field.name} needs a date as YYYY-MM-DD.") from error
    highest = 1200 if field.kind is Kind.MONTHS else MAX_NUMBER
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= highest:
        raise _wrong(place, f"{field.name} needs a whole number from 0 to {highest}.")
    return value


def compile_where(criteria: Criteria, cut_off_date: date) -> Q:
    """The filter over `tapes.Loan` that these criteria mean at a cut-off date.

    A value that the tape does not give meets no limit and is in no list; `not` and `not_in` take
    it in, as people expect of "all but Jiangsu".
    """
    return _compile(criteria.where, cut_off_date) if criteria.where else Q()


def _compile(node: Group | Condition, cut_off_date: date) -> Q:
    if isinstance(node, Condition):
        return _compile_condition(node, cut_off_date)
    parts = [_compile(part, cut_off_date) for part in node.parts]
    if node.kind == "not":
        return ~parts[0]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole & part if node.kind == "all" else whole | part
    return whole


def _compile_condition(condition: Condition, cut_off_date: date) -> Q:
    field, op, value = condition.field, condition.op, condition.value
    column = field.column
    if op in _PRESENCE:
        missing = _missing(field)
        return missing if op == "missing" else ~missing
    if op == "in":
        return Q(**{f"{column}__in": value})
    if op == "not_in":
        return ~Q(**{f"{column}__in": value})
    if op == "is":
        return Q(**{column: value})
    low = value[0] if op == "between" else value if op == "at_least" else None
    high = value[1] if op == "between" else value if op == "at_most" else None
    if field.kind is Kind.MONTHS:
        return _months_between(column, low, high, cut_off_date)
    lower = Q(**{f"{column}__gte": low}) if low is not None else Q()
    return lower & Q(**{f"{column}__lte": high}) if high is not None else lower


def _missing(field: Field) -> Q:
    """The tape does not give it: null or an empty text; what every loan has is never missing."""
    if field.is_nullable:
        return Q(**{f"{field.column}__isnull": True})
    if field.kind is Kind.TEXT:
        return Q(**{field.column: ""})
    return Q(pk__in=[])


def _months_between(column: str, low: int | None, high: int | None, cut_off_date: date) -> Q:
    """Whole months since a date: more months = an earlier date (see `whole_months`)."""
    earliest = Q() if low is None else Q(**{f"{column}__lte": months_before(cut_off_date, low)})
    if high is None:
        return earliest
    return earliest & Q(**{f"{column}__gt": months_before(cut_off_date, high + 1)})
