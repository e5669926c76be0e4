"""Refusals of a file as a whole: they name the fault and what to do, and quote no cell."""

from npa_market.common.errors import InvalidInput


def refuse(code: str, message: str, *, field: str = "file") -> InvalidInput:
    """The exception to raise."""
    return InvalidInput(code, message, field=field)
