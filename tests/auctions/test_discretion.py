"""What the evidence log keeps from its readers: maxima, envelopes, bids of a round, who tried."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from npa_market.auctions.protocol import protocol
from npa_market.auctions.services import accept_price, cancel_lot
from npa_market.auctions.terms import Format
from npa_market.evidence.models import Entry, Payload
from tests.auctions.conftest import END, START, STEP

pytestmark = pytest.mark.django_db
MAXIMUM = 777_777_777


@pytest.fixture
def maxima(offered):
    """A running lot of maxima whose leader typed less than its own, its rival too little."""
    market = offered(Format.ASCENDING, allows_proxy=True)
    assert market.bid(0, MAXIMUM).refusal == ""
    assert market.bid(0, MAXIMUM - STEP).refusal == "below_own_maximum"
    assert market.bid(1, START).refusal == "below_step"
    assert market.bid(1, START + 3 * STEP).refusal == ""
    return market


def refusals_read_by(client) -> list[str]:
    page = client.get("/evidence/", {"type": "lot.bid_refused", "export": "csv"})
    return page.getvalue().decode().splitlines()[1:]


def test_A11_the_venue_reads_no_refusal_of_a_lot_of_maxima_before_its_end(
    maxima, clock, as_user, operator
):
    venue = as_user(operator)
    assert refusals_read_by(venue) == []
    clock.now = END
    maxima.advance()
    assert len(refusals_read_by(venue)) == 2


def test_A11_no_entry_of_a_lot_of_maxima_ever_holds_an_amount_that_was_typed(maxima, clock):
    clock.now = END
    maxima.advance()
    typed = [MAXIMUM, MAXIMUM - STEP, START + 3 * STEP]
    bodies = [json.dumps(payload.body) for payload in Payload.objects.all()]
    assert not [(amount, body) for amount in typed for body in bodies if str(amount) in body]
    refused = Entry.objects.filter(type="lot.bid_refused").values_list("payload__body", flat=True)
    assert [(each["refusal"], each["amount_minor"]) for each in refused] == [
        ("below_own_maximum", None),
        ("below_step", None),
    ]


@pytest.mark.parametrize("kind", [Format.ASCENDING, Format.DUTCH])
def test_a_refused_amount_stands_in_the_log_where_the_protocol_shows_it(kind, offered):
    market = offered(kind)
    assert market.bid(0, START - 1).refusal in {"below_start", "still_falling"}
    (refused,) = Entry.objects.filter(type="lot.bid_refused").values_list("payload__body")
    is_shown = refused[0]["amount_minor"] == START - 1
    assert is_shown is (kind == Format.ASCENDING)


def test_an_entry_is_found_by_its_hash_and_by_no_number(market, as_user, operator):
    venue = as_user(operator)
    for entry in Entry.objects.all():
        assert venue.get(f"/evidence/{entry.seq}/").status_code == 404
        page = venue.get(f"/evidence/{entry.payload_sha256}/").content.decode()
        assert entry.leaf_sha256 in page


@pytest.fixture
def in_round(offered):
    """A falling lot in its round, with one bid."""
    market = offered(Format.DUTCH)
    buyer, user = market.bidders[0]
    price = {"buyer": buyer, "amount_minor": START, "request_id": uuid4()}
    accept_price(user=user, lot_id=market.lot.pk, **price)
    assert market.bid(1, START + 77).refusal == ""
    return market


def bids_of_round_read_by(client) -> list[str]:
    page = client.get("/evidence/", {"type": "receipt.round_bid", "export": "csv"})
    return page.getvalue().decode().splitlines()[1:]


@pytest.mark.parametrize("is_revealed", [False, True])
def test_S7_who_cancels_a_lot_in_its_round_reads_no_bid_of_it(
    is_revealed, in_round, clock, as_user, operator
):
    if is_revealed:
        clock.now += timedelta(seconds=in_round.lot.round_seconds)
        in_round.advance()
    cancel_lot(user=operator, lot_id=in_round.lot.pk, reason="To look")
    in_round.lot.refresh_from_db()
    assert (str(START + 77) in json.dumps(protocol(in_round.lot))) is is_revealed
    venue, entry = as_user(operator), Entry.objects.get(type="receipt.round_bid")
    assert bool(bids_of_round_read_by(venue)) is is_revealed
    page = venue.get(f"/evidence/{entry.payload_sha256}/")
    assert page.status_code == (200 if is_revealed else 404)


def test_the_bidder_keeps_the_proof_of_its_bid_in_a_cancelled_round(in_round, as_user, operator):
    def amounts(who: int) -> list[int]:
        acts = as_user(in_round.bidders[who][1]).get("/evidence/own-acts.jsonl").getvalue()
        found = [json.loads(line) for line in acts.splitlines()]
        bids = [act for act in found if act["entry"]["type"] == "receipt.round_bid"]
        return [act["payload"]["amount_minor"] for act in bids]

    assert [amounts(0), amounts(1)] == [[], []]
    cancel_lot(user=operator, lot_id=in_round.lot.pk, reason="To look")
    assert [amounts(0), amounts(1)] == [[], [START + 77]]
