"""A17: a time on the clock of a zone is one moment or is refused, on both sides of each change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from npa_market.common.errors import InvalidInput
from npa_market.common.local_times import local_moment

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("typed", "utc"),
    [
        ((2026, 3, 8, 1, 59), (2026, 3, 8, 6, 59)),
        ((2026, 3, 8, 3, 0), (2026, 3, 8, 7, 0)),
        ((2026, 11, 1, 0, 59), (2026, 11, 1, 4, 59)),
        ((2026, 11, 1, 2, 0), (2026, 11, 1, 7, 0)),
    ],
)
def test_A17_a_time_beside_a_change_of_clocks_is_one_moment(typed, utc):
    assert local_moment(datetime(*typed), NEW_YORK) == datetime(*utc, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ((2026, 3, 8, 2, 0), "time_does_not_exist", "2026-03-08 02:00 does not exist in America/"),
        ((2026, 3, 8, 2, 59), "time_does_not_exist", "02:59"),
        ((2026, 11, 1, 1, 0), "time_is_twice", "2026-11-01 01:00 comes twice in America/New_York"),
        ((2026, 11, 1, 1, 59), "time_is_twice", "at -0400 and at -0500"),
    ],
)
def test_A17_a_time_that_is_none_or_two_is_refused_by_name(typed, code, words):
    with pytest.raises(InvalidInput) as refusal:
        local_moment(datetime(*typed), NEW_YORK, field="opens_at")
    assert (refusal.value.code, refusal.value.field) == (code, "opens_at")
    assert words in refusal.value.message


def test_a_zone_without_changes_takes_every_time():
    typed = datetime(2026, 3, 8, 2, 30)
    assert local_moment(typed, ZoneInfo("Asia/Shanghai")).hour == 2
