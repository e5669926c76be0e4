"""The result of an import as lines for pages and the API."""

from typing import Any

from npa_market.common.money import format_minor
from npa_market.tapes.dictionary import FIELDS, Kind
from npa_market.tapes.models import Loan, Tape

_CLAIM = "Claim (principal, interest, fees)"


def total_lines(tape: Tape) -> list[dict[str, Any]]:
    """Control totals with titles, of the money columns that the tape has."""
    return [
        {"field": name, "title": FIELDS[name].title if name in FIELDS else _CLAIM, **total}
        for name, total in tape.control_totals.items()
        if total["read"]
    ]


_NOT_SHOWN = {"principal_minor", "received_minor", "loan_number"}


def loan_lines(loan: Loan) -> list[dict[str, str]]:
    """Fields of a loan with their titles, as texts; personal ones are not among them."""
    lines = []
    for name, field in FIELDS.items():
        if field.is_personal or name in _NOT_SHOWN or name == "receipts" or not hasattr(Loan, name):
            continue
        lines.append(
            {"title": field.title, "value": shown_field(loan, name, field.kind, loan.currency)}
        )
    return lines


def shown_field(row: Any, name: str, kind: Kind, currency: str) -> str:
    """A field of a loan or of a history row as a page shows it."""
    value = getattr(row, name)
    if hasattr(row, f"get_{name}_display"):
        return str(getattr(row, f"get_{name}_display")())
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if kind == Kind.MONEY:
        return format_minor(value, currency)
    if kind == Kind.RATE:
        return f"{value / 100:.2f} %"
    return f"{value:%d %b %Y}" if kind == Kind.DATE else str(value).replace("_", " ")


def completeness_lines(tape: Tape) -> list[dict[str, Any]]:
    """The matrix of the fields that the tape has or that were derived, with the filled share."""
    lines = []
    for line in tape.completeness:
        rows = line["filled"] + line["missing"] + line["invalid"]
        if rows and (line["column"] or line["derived"]):
            share = line["filled"] / rows
            tone = "good" if share > 0.95 else "warn" if share > 0.5 else "bad"
            lines.append({**line, "share": share, "tone": tone})
    return lines
