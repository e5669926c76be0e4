"""How a tape's file is read, in words; and whether the same file is asked for otherwise."""

import hashlib
from collections.abc import Mapping
from typing import Any

from npa_market.common.errors import Refused
from npa_market.tapes.models import Tape, TapeState
from npa_market.tapes.sniffing import DELIMITER_NAMES

# What changes the rows of a part of a file; which part it is, is the tape's identity.
_READING = ("encoding", "delimiter", "header_row")
_LONGEST_NAME = 200


def part_name(name: str) -> str:
    """The name of a member or sheet as a tape keeps it: a long one ends in its hash."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 65]}#{hashlib.sha256(name.encode()).hexdigest()}"


def reading_words(layout: Mapping[str, Any]) -> str:
    """A layout as `TapeFile.layout` gives it: `utf-8, comma, header in row 1`."""
    kind = layout.get("kind", "text")
    parts = [
        layout.get("packing"),
        "" if kind == "text" else kind,
        layout.get("encoding"),
        DELIMITER_NAMES.get(layout.get("delimiter", "")),
        f"header in row {layout['header_row']}" if layout.get("header_row") else "",
    ]
    return ", ".join(part for part in parts if part)


def reading_of(layout: Mapping[str, Any]) -> dict[str, Any]:
    """What the evidence log keeps of it: no name of a sheet or member, which may be a person's."""
    return {name: layout[name] for name in _READING if name in layout}


def refuse_other_reading(tape: Tape, currency: str, layout: Mapping[str, Any]) -> None:
    """Refuse to read a tape that stands otherwise than it was read.

    Raises Refused: tape_has_other_currency, tape_read_otherwise.
    """
    advice = (
        "Its loans were taken in, so it stays as it is. Save the file anew to read it otherwise."
        if tape.state == TapeState.IMPORTED
        else "Discard it first, then import the file again."
    )
    if currency != tape.currency:
        raise Refused(
            "tape_has_other_currency",
            f"This file was uploaded before as {tape.reference} in {tape.currency}, not {currency}."
            f" {advice}",
            field="currency",
        )
    before, now = reading_of(tape.layout), reading_of(layout)
    if any(before[name] != now[name] for name in before.keys() & now.keys()):
        raise Refused(
            "tape_read_otherwise",
            f"This file was uploaded before as {tape.reference} and read as "
            f"{reading_words(tape.layout)}, not as {reading_words(layout)}. {advice}",
        )
