"""Whole months between dates, counted one way everywhere: criteria, columns, bands."""

from calendar import monthrange
from datetime import date


def months_before(day: date, months: int) -> date:
    """The date `months` earlier (later where negative), held back to the end of a short month."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def whole_months(start: date, end: date) -> int:
    """Completed months from `start` to `end`; the month completes on the same day of the month.

    `whole_months(start, end) >= n` holds exactly where `start <= months_before(end, n)`, so a
    filter in the database and the column of the sealed file agree on every date.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - (end.day < start.day)
