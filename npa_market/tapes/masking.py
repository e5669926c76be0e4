"""Masked forms of personal values, the only ones that a page of the seller shows."""

import re

from npa_market.tapes.batches import legible

_ID_NUMBER = re.compile(r"(?<![0-9])(\d{3})\d{9,14}(\d{3}[0-9Xx])(?![0-9])")
_MOBILE = re.compile(r"(?<![0-9])(1[3-9]\d)\d{4}(\d{4})(?![0-9])")
SHOWN = 60


def masked_name(name: str) -> str:
    """`张*`: the first character, and nothing of the length."""
    return f"{name[0]}*" if name else ""


def masked_id_number(number: str) -> str:
    """First 3 and last 4 characters of an ID number; short numbers show nothing."""
    if len(number) < 11:
        return "*" * len(number)
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"


def masked_mobile(mobile: str) -> str:
    """`138****0000`: the last 4 digits and what precedes the 4 before them."""
    if len(mobile) < 9:
        return "*" * len(mobile)
    return f"{mobile[:-8]}****{mobile[-4:]}"


def masked_cell(value: str) -> str:
    """A cell of a column that is not personal, for a finding: short, and without stray identity.

    Rows with shifted columns carry ID numbers and mobiles where amounts should be; they are
    masked here too.
    """
    shown = legible(value if len(value) <= SHOWN else f"{value[:SHOWN]}…")
    shown = _ID_NUMBER.sub(r"\1***\2", shown)
    return _MOBILE.sub(r"\1****\2", shown)
