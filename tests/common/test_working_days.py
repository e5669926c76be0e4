"""Deadlines in working days."""

from datetime import date

import pytest

from npa_market.common.working_days import due_after


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (date(2026, 3, 2), 1, date(2026, 3, 3)),
        (date(2026, 3, 6), 1, date(2026, 3, 9)),  # over a weekend
        (date(2026, 2, 13), 1, date(2026, 2, 14)),  # a Saturday that makes up for the festival
        (date(2026, 2, 14), 1, date(2026, 2, 24)),  # Spring Festival until 23 February
        (date(2026, 3, 2), 0, date(2026, 3, 2)),
    ],
)
def test_make_up_days_count_and_holidays_do_not(start, days, due):
    found = due_after(start, days)
    assert (found.day, found.is_certain) == (due, True)


def test_beyond_the_published_calendar_the_answer_says_so():
    found = due_after(date(2038, 12, 31), 1)
    assert found.day > date(2039, 1, 1)
    assert not found.is_certain
