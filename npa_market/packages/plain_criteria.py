"""Criteria as a plain form shows them: one field, one line, all holding together.

What the form cannot show (groups, further fields) is kept as `further` and never lost.
"""

from typing import Any

# Form field -> field of criteria: lists, and ranges as (from, to).
LISTS = {
    "product": "product",
    "province": "province",
    "grade": "grade",
    "litigation_status": "litigation_status",
}
RANGES = {
    "claim": "claim",
    "principal": "principal",
    "months": "months_since_charge_off",
    "days": "days_overdue",
}
_FORM_FIELD = {name: form_field for form_field, name in {**LISTS, **RANGES}.items()}


def criteria_document(
    *,
    tapes: list[str],
    lists: dict[str, list[str]],
    ranges: dict[str, tuple[int | None, int | None]],
    is_reachable: bool | None,
    further: dict[str, Any] | None,
    disclose: list[str],
) -> dict[str, Any]:
    """The document of `criteria.read_criteria`; empty parts are left out."""
    parts: list[dict[str, Any]] = [
        {"field": LISTS[name], "op": "in", "value": list(values)}
        for name, values in lists.items()
        if values
    ]
    parts += [
        _range(RANGES[name], low, high)
        for name, (low, high) in ranges.items()
        if low is not None or high is not None
    ]
    if is_reachable is not None:
        parts.append({"field": "is_reachable", "op": "is", "value": is_reachable})
    if further:
        parts.append(further)
    document: dict[str, Any] = {}
    if tapes:
        document["tapes"] = list(tapes)
    if parts:
        document["where"] = {"all": parts}
    if disclose:
        document["disclose"] = list(disclose)
    return document


def _range(field: str, low: int | None, high: int | None) -> dict[str, Any]:
    if low is None:
        return {"field": field, "op": "at_most", "value": high}
    if high is None:
        return {"field": field, "op": "at_least", "value": low}
    return {"field": field, "op": "between", "value": [low, high]}


def plain_parts(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """(values of the form's fields, the rest as one node or None) of stored criteria.

    Ranges come as `<name>_from`, `<name>_to`. The reverse of `criteria_document`.
    """
    values: dict[str, Any] = {
        "tapes": document.get("tapes", []),
        "disclose": document.get("disclose", []),
    }
    rest = []
    where = document.get("where")
    parts = where["all"] if where and set(where) == {"all"} else [where] if where else []
    for part in parts:
        shown = _shown(part)
        if shown is None or set(shown) & set(values):
            rest.append(part)
        else:
            values |= shown
    if not rest:
        return values, None
    return values, rest[0] if len(rest) == 1 else {"all": rest}


def _shown(part: dict[str, Any]) -> dict[str, Any] | None:
    """Form values of one condition; None where the form has no place for it."""
    name, op, value = part.get("field", ""), part.get("op"), part.get("value")
    if name == "is_reachable" and op == "is":
        return {"is_reachable": "yes" if value else "no"}
    form_field = _FORM_FIELD.get(name)
    if form_field in LISTS:
        return {form_field: value} if op == "in" else None
    if form_field is None:
        return None
    ends = {"between": value, "at_least": [value, None], "at_most": [None, value]}.get(str(op))
    if not isinstance(ends, list):
        return None
    return {
        f"{form_field}_{end}": limit
        for end, limit in zip(("from", "to"), ends, strict=True)
        if limit is not None
    }
