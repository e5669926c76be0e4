"""Whose turn it is, and until when."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from npa_market.transfers.terms import DealTerms, read_terms
from npa_market.transfers.timeline import Progress, steps_of

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, 4, tzinfo=UTC)
BEGUN = Progress(
    awarded_at=START,
    contracted_at=None,
    paid_at=None,
    released_at=None,
    delivered_at=None,
    closed_at=None,
    is_cancelled=False,
    seller_signed=False,
    buyer_signed=False,
    first_released=False,
    has_statement=False,
)


def now_of(progress: Progress):
    steps = steps_of(progress, DealTerms(), ZONE)
    return next((step for step in steps if step.is_now), None)


@pytest.mark.parametrize(
    ("changes", "key", "owner"),
    [
        ({}, "contract", "Both sides sign"),
        ({"seller_signed": True}, "contract", "Buyer signs"),
        ({"buyer_signed": True}, "contract", "Seller signs"),
        ({"contracted_at": START}, "payment", "Buyer pays, venue finance records"),
        ({"contracted_at": START, "paid_at": START}, "release", "Seller, two people"),
        (
            {"contracted_at": START, "paid_at": START, "first_released": True},
            "release",
            "Seller, second person",
        ),
        ({"contracted_at": START, "paid_at": START, "released_at": START}, "receipt", "Buyer"),
    ],
)
def test_the_next_step_has_an_owner(changes, key, owner):
    step = now_of(replace(BEGUN, **changes))
    assert (step.key, step.owner) == (key, owner)


def test_a_deadline_counts_working_days_from_the_step_before():
    step = now_of(BEGUN)
    assert step.due.day == date(2026, 3, 16)
    assert (step.is_late(date(2026, 3, 16)), step.is_late(date(2026, 3, 17))) == (False, True)


def test_the_day_is_that_of_the_venue():
    late_evening = replace(BEGUN, awarded_at=datetime(2026, 3, 1, 17, tzinfo=UTC))
    assert now_of(late_evening).due.day == date(2026, 3, 16)


def test_a_cancelled_or_closed_deal_waits_for_nobody():
    assert now_of(replace(BEGUN, is_cancelled=True)) is None
    done = dict.fromkeys(
        ("contracted_at", "paid_at", "released_at", "delivered_at", "closed_at"), START
    )
    assert now_of(replace(BEGUN, **done)) is None


def test_terms_come_from_the_setting_and_wrong_ones_are_named():
    assert read_terms({"putback_days": 120}).putback_days == 120
    for wrong in ({"putback_dayz": 1}, {"putback_days": "120"}, {"putback_days": -1}):
        with pytest.raises(ValueError, match="deal term putback_day"):
            read_terms(wrong)
