"""How early a lot is announced: working days, shorter after pre-marketing."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.auctions.notices.period import NoticeRule, earliest_bidding_day

RULE = NoticeRule(premarketing=15, announcement=10, short=5)
MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("premarketed_on", "bidding_day", "first", "is_shortened"),
    [
        (None, date(2026, 3, 16), date(2026, 3, 16), False),
        (date(2026, 2, 25), date(2026, 3, 17), date(2026, 3, 9), True),
        (date(2026, 2, 25), date(2026, 3, 16), date(2026, 3, 16), False),
    ],
)
def test_ten_working_days_or_five_after_fifteen_of_premarketing(
    premarketed_on, bidding_day, first, is_shortened
):
    found = earliest_bidding_day(
        RULE, MONDAY, premarketed_on=premarketed_on, bidding_day=bidding_day
    )
    assert (found.due.day, found.is_shortened) == (first, is_shortened)


def test_a_rule_of_zero_asks_nothing():
    free = NoticeRule(0, 0, 0)
    found = earliest_bidding_day(free, MONDAY, premarketed_on=None, bidding_day=MONDAY)
    assert found.due.day == MONDAY


@settings(deadline=None)  # The calendars load on the first day asked for.
@given(
    st.dates(date(2024, 1, 1), date(2026, 12, 1)),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_premarketing_never_makes_a_lot_wait_longer(announced, before, longest, short):
    rule = NoticeRule(premarketing=before, announcement=longest, short=short)
    day = date(2027, 6, 1)
    plain = earliest_bidding_day(rule, announced, premarketed_on=None, bidding_day=day)
    marketed = earliest_bidding_day(rule, announced, premarketed_on=announced, bidding_day=day)
    assert marketed.due.day <= plain.due.day
