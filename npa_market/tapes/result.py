"""The result of an import as lines for pages and the API."""

from typing import Any

from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.models import Tape

_CLAIM = "Claim (principal, interest, fees)"


def total_lines(tape: Tape) -> list[dict[str, Any]]:
    """Control totals with titles, of the money columns that the tape has."""
    return [
        {"field": name, "title": FIELDS[name].title if name in FIELDS else _CLAIM, **total}
        for name, total in tape.control_totals.items()
        if total["read"]
    ]


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
