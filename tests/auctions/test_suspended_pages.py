"""A suspended lot: its pages say so, count nothing down, and after it show the end in force."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from npa_market.auctions.services import resume_lot, suspend_lot
from npa_market.auctions.terms import Format
from tests.auctions.conftest import END, HARD_END, OPENING, START, url
from tests.auctions.test_formats import hand_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def suspended(offered):
    """A lot of any format that the operator has stopped."""

    def stop(kind: Format):
        market = offered(kind)
        suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="Line down")
        return market

    return stop


@pytest.fixture
def read_page(as_user):
    """A page of the lot as its second bidder reads it; of a negotiation the only one."""

    def read(market, name: str = "detail") -> str:
        answer = as_user(market.bidders[-1][1]).get(url(name, market.lot.pk))
        assert answer.status_code == 200
        return answer.content.decode()

    return read


@pytest.mark.parametrize("kind", [Format.SEALED, Format.DUTCH, Format.NEGOTIATED])
def test_A18_no_clock_counts_down_while_a_lot_is_suspended(suspended, read_page, kind):
    market = suspended(kind)
    text = read_page(market)
    assert "data-until" not in text
    assert ">paused<" in text
    resume_lot(user=market.operator, lot_id=market.lot.pk)
    assert "data-until" in read_page(market)


def test_A18_the_ascending_page_says_paused_before_its_script_runs(suspended, read_page):
    text = read_page(suspended(Format.ASCENDING))
    assert "data-clock-title>Suspended<" in text
    assert "data-clock>paused<" in text


@pytest.mark.parametrize("name", ["detail", "bid"])
def test_the_bid_panel_of_a_suspended_lot_sends_nobody_to_what_is_missing(
    suspended, read_page, name
):
    text = read_page(suspended(Format.ASCENDING), name)
    assert "Bidding is suspended; no time passes until it goes on." in text
    assert "You cannot bid yet" not in text
    assert "; ends" not in text


@pytest.mark.parametrize("kind", [Format.DUTCH, Format.NEGOTIATED])
def test_the_panel_of_a_suspended_falling_or_negotiated_lot_says_so(suspended, read_page, kind):
    text = read_page(suspended(kind))
    assert "Nothing is taken while the lot is suspended" in text


def test_the_envelope_panel_of_a_suspended_lot_speaks_of_no_end(suspended, read_page):
    market = suspended(Format.SEALED)
    text = read_page(market)
    assert "You handed none in." not in text
    assert "None is in force." in text
    assert "Nothing is taken while the lot is suspended" in text


def test_the_envelope_panel_of_a_suspended_lot_shows_what_was_handed_in(offered, read_page):
    market = offered(Format.SEALED)
    hand_in(market, 1, number=1)
    suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="Line down")
    text = read_page(market)
    assert "handed in</span>" in text
    assert "Nothing is taken while the lot is suspended" in text


def test_A6_A18_page_and_api_show_the_hard_end_in_force(suspended, read_page, clock, as_user):
    market = suspended(Format.ASCENDING)
    hard_end = r"<dt>Hard end</dt><dd data-hard-end>(.*?)</dd>"
    assert "11:30" in re.search(hard_end, read_page(market)).group(1)
    pause = timedelta(hours=3)
    clock.now = OPENING + pause
    resume_lot(user=market.operator, lot_id=market.lot.pk)
    text = read_page(market)
    shown = re.search(hard_end, text).group(1)
    assert "14:30" in shown
    assert "11:30" not in shown
    assert "11:30" in re.search(r"<dt>Hard end as announced</dt><dd>(.*?)</dd>", text).group(1)
    client = as_user(market.bidders[0][1])
    lot = client.get(reverse("v1:lot-detail", args=[market.lot.pk])).json()
    ends = {"ends_at": END + pause, "hard_end_at": HARD_END, "last_end_at": HARD_END + pause}
    assert {name: lot[name] for name in ends} == {
        name: f"{at.replace(tzinfo=None).isoformat()}Z" for name, at in ends.items()
    }


def test_the_hard_end_as_announced_stands_beside_no_equal_one(offered, read_page):
    market = offered(Format.ASCENDING)
    market.bid(0, START)
    assert "Hard end as announced" not in read_page(market)
