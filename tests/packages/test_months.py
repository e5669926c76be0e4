"""Whole months: filter and column agree on every date."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.packages.months import months_before, whole_months

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2060, 12, 31))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2026, 1, 15), date(2026, 2, 14), 0),
        (date(2026, 1, 15), date(2026, 2, 15), 1),
        (date(2026, 1, 31), date(2026, 2, 28), 0),
        (date(2024, 2, 29), date(2025, 2, 28), 11),
        (date(2025, 7, 1), date(2026, 6, 30), 11),
    ],
)
def test_a_month_completes_on_the_same_day_of_the_month(start, end, months):
    assert whole_months(start, end) == months


@given(start=DAYS, end=DAYS, months=st.integers(0, 240))
def test_filter_and_column_agree(start, end, months):
    assert (whole_months(start, end) >= months) == (start <= months_before(end, months))
