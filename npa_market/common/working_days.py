"""Working days: the Chinese calendar with make-up days, and what is known beyond its last year."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache


@dataclass(frozen=True, slots=True)
class DueDay:
    """A deadline; `is_certain` is false where make-up days of its year are not published yet."""

    day: date
    is_certain: bool


@cache
def _is_working(day: date) -> tuple[bool, bool]:
    """Is it a working day, and is that certain?"""
    import chinese_calendar
    import holidays

    try:
        return chinese_calendar.is_workday(day), True
    except NotImplementedError:  # The yearly decree for that year is not out, or not installed.
        public = holidays.country_holidays("CN", years=day.year)
        return day.weekday() < 5 and day not in public, False


def due_after(start: date, working_days: int) -> DueDay:
    """The last day of a term of `working_days` that begins on the day after `start`.

    Days come from `chinesecalendar` (make-up working days included); beyond its last year from
    `holidays` (public holidays only), and then the answer says that it is not certain.
    """
    day, left, is_certain = start, working_days, True
    while left > 0:
        day += timedelta(days=1)
        works, known = _is_working(day)
        left -= works
        is_certain = is_certain and known
    return DueDay(day, is_certain)
