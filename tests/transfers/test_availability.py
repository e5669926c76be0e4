"""Until when and how often a released file may be taken, and why not; both sides of each limit."""

from datetime import UTC, datetime, timedelta

import pytest

from npa_market.transfers.availability import Fault, Handover, availability_of
from npa_market.transfers.terms import DealTerms

RELEASED = datetime(2026, 11, 11, 1, tzinfo=UTC)
DAY, INSTANT = timedelta(days=1), timedelta(microseconds=1)
TERMS = DealTerms(download_days=30, download_limit=5)


def standing(after: timedelta = DAY, **changes: object):
    facts = {"downloads": 0, "has_key": True, "recipient": "age1a", "buyer_key": "age1a"}
    handover = Handover(released_at=RELEASED, **(facts | changes))
    return availability_of(handover, TERMS, RELEASED + after)


@pytest.mark.parametrize(
    ("after", "changes", "fault", "may_be_taken"),
    [
        (0 * DAY, {}, None, True),
        (30 * DAY - INSTANT, {}, None, True),
        (30 * DAY, {}, Fault.OVER, False),
        (DAY, {"downloads": 4}, None, True),
        (DAY, {"downloads": 5}, Fault.LIMIT, False),
        (DAY, {"has_key": False}, Fault.ERASED, False),
        (DAY, {"buyer_key": "age1b"}, Fault.OTHER_KEY, True),
        (DAY, {"buyer_key": "age1b", "recipient": ""}, None, True),
        (30 * DAY, {"downloads": 5, "has_key": False, "buyer_key": "age1b"}, Fault.ERASED, False),
        (30 * DAY, {"downloads": 5, "buyer_key": "age1b"}, Fault.OVER, False),
        (DAY, {"downloads": 5, "buyer_key": "age1b"}, Fault.LIMIT, False),
    ],
)
def test_T3_days_number_and_keys_decide(after, changes, fault, may_be_taken):
    found = standing(after, **changes)
    assert (found.fault, found.may_be_taken) == (fault, may_be_taken)
    assert bool(found.words) == (fault is not None)


@pytest.mark.parametrize(
    ("after", "days_left"),
    [
        (0 * DAY, 30),
        (INSTANT, 30),
        (DAY, 29),
        (30 * DAY - INSTANT, 1),
        (30 * DAY, 0),
        (99 * DAY, 0),
    ],
)
def test_days_left_count_the_one_that_runs(after, days_left):
    found = standing(after)
    assert (found.days_left, found.until) == (days_left, RELEASED + 30 * DAY)


@pytest.mark.parametrize(("downloads", "left"), [(0, 5), (4, 1), (5, 0), (6, 0)])
def test_downloads_left_are_never_below_none(downloads, left):
    assert standing(downloads=downloads).downloads_left == left
