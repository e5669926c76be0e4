"""The operator's control room: lots under way, health, suspend and resume."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from npa_market.auctions.models import Lot, LotKeyRecord, LotState
from npa_market.auctions.pulse import Pulse
from npa_market.auctions.services import accept_price
from npa_market.auctions.terms import Format
from tests.auctions.conftest import END, OPENING, START, STEP
from tests.auctions.test_formats import hand_in

pytestmark = pytest.mark.django_db


def page(client) -> str:
    answer = client.get(reverse("auctions:control"))
    assert answer.status_code == 200
    return answer.content.decode()


def figures(client) -> list[str]:
    """What the room shows of the decisions on its one lot."""
    named = r'data-label="(?:Decided in 5 min|of which refused|Last decision)"[^>]*>([^<]*)<'
    found = re.findall(named, page(client))
    assert len(found) == 3
    return found


def test_the_room_shows_live_lots_with_their_decisions(market, as_user):
    market.bid(0, START)
    market.bid(1, START)
    shown = page(as_user(market.operator))
    assert market.lot.reference in shown
    assert "No sweeper has run yet" in shown
    assert re.findall(r'class="num">(\d+)</td>', shown) == ["1", "2", "1"]


@pytest.mark.parametrize("kind", [Format.SEALED, Format.DUTCH])
def test_S7_the_room_counts_and_times_no_secret_bid(offered, clock, as_user, kind):
    market = offered(kind)
    client = as_user(market.operator)
    if kind == Format.DUTCH:
        (acceptor, user), _ = market.bidders
        asked = {"user": user, "buyer": acceptor, "request_id": uuid4()}
        accept_price(lot_id=market.lot.pk, amount_minor=START, **asked)
    before = figures(client)
    clock.now += timedelta(minutes=1)
    if kind == Format.DUTCH:
        assert not market.bid(1, START + STEP).refusal
    else:
        hand_in(market, 1, number=1)
    assert figures(client) == before


def test_A11_the_room_counts_and_times_no_refusal_where_bids_are_maxima(offered, clock, as_user):
    market = offered(Format.ASCENDING, allows_proxy=True)
    client = as_user(market.operator)
    market.bid(0, START + 9 * STEP)
    before = figures(client)
    clock.now += timedelta(minutes=1)
    assert market.bid(0, START + STEP).refusal == "below_own_maximum"
    assert figures(client) == before


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=10), "Bids reach the venue"),
        (timedelta(seconds=11), "The pulse is late"),
        (timedelta(seconds=61), "not known to be possible"),
    ],
)
def test_the_room_tells_how_fresh_the_pulse_is(market, clock, as_user, age, words):
    Pulse.objects.create(at=OPENING)
    clock.now = OPENING + age
    assert words in page(as_user(market.operator))


def test_the_room_warns_of_a_sealed_lot_without_a_key(offered, as_user):
    market = offered(Format.SEALED)
    client = as_user(market.operator)
    assert "has no key" not in page(client)
    LotKeyRecord.objects.filter(lot=market.lot).delete()
    assert "cancel the lot, and have it announced again" in page(client)
    Lot.objects.filter(pk=market.lot.pk).update(state=LotState.ANNOUNCED)
    assert f"manage.py lot_key make {market.lot.reference}" in page(client)


def test_A18_the_operator_suspends_and_resumes_from_the_room(market, clock, as_user):
    client, lot = as_user(market.operator), market.lot
    client.post(reverse("auctions:suspend", args=[lot.pk]), {"reason": "A question of title"})
    lot.refresh_from_db()
    assert lot.state == LotState.SUSPENDED
    shown = client.get(reverse("auctions:detail", args=[lot.pk])).content.decode()
    assert "A question of title" in shown
    clock.now = OPENING + timedelta(minutes=5)
    client.post(reverse("auctions:resume", args=[lot.pk]))
    lot.refresh_from_db()
    assert (lot.state, lot.ends_at) == (LotState.OPEN, END + timedelta(minutes=5))


def test_a_refused_act_says_why_and_changes_nothing(market, as_user):
    client = as_user(market.operator)
    answer = client.post(reverse("auctions:suspend", args=[market.lot.pk]), {}, follow=True)
    assert "was not suspended" in answer.content.decode()
    answer = client.post(reverse("auctions:resume", args=[market.lot.pk]), follow=True)
    assert "was not resumed" in answer.content.decode()
    market.lot.refresh_from_db()
    assert market.lot.state == LotState.OPEN


def test_the_room_is_the_operators_alone(market, as_user, buyer_user, seller_user):
    for user in (buyer_user, seller_user):
        client = as_user(user)
        assert client.get(reverse("auctions:control")).status_code == 403
        for act in ("suspend", "resume"):
            assert client.post(reverse(f"auctions:{act}", args=[market.lot.pk])).status_code == 403
