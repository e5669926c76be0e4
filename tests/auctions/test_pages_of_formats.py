"""Each format has its own page and its own doors; an amount in clear enters no sealed lot."""

import csv
import io
import json
import re
from uuid import uuid4

import pytest
from django.urls import reverse

from npa_market.auctions import services
from npa_market.auctions.models import BidOutcome
from npa_market.auctions.offline.seal import ENVELOPE_BYTES
from npa_market.auctions.terms import Format
from npa_market.common.money import format_minor
from npa_market.evidence.models import Payload
from npa_market.parties.roles import OrganisationKind
from tests.auctions.conftest import START, url

pytestmark = pytest.mark.django_db

AMOUNT = START + 12_345_678
# The acts by page that one format alone has, and what their forms send.
DOORS = {
    "bid": (Format.ASCENDING, {"amount": format_minor(AMOUNT, "CNY"), "act": "confirm"}),
    "accept_price": (Format.DUTCH, {"amount_minor": AMOUNT}),
    "round_bid": (Format.DUTCH, {"amount": format_minor(AMOUNT, "CNY")}),
    "offer": (Format.NEGOTIATED, {"amount": format_minor(AMOUNT, "CNY"), "valid_hours": 48}),
    "answer": (Format.NEGOTIATED, {"offer": 1, "answer": "accept"}),
    "envelope_submit": (Format.SEALED, {"envelope": "AAAA"}),
}


def stored_texts() -> str:
    return json.dumps([row.body for row in Payload.objects.all()])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", list(Format))
def test_S1_a_form_of_another_format_is_404_and_keeps_nothing(offered, as_user, kind, door):
    market = offered(kind)
    own, typed = DOORS[door]
    client = as_user(market.bidders[0][1])
    answer = client.post(url(door, market.lot.pk), {**typed, "request_id": uuid4()})
    assert (answer.status_code == 404) == (kind != own)
    if kind != own:
        assert not BidOutcome.objects.exists()
        assert str(AMOUNT) not in stored_texts()


@pytest.mark.parametrize("kind", [Format.SEALED, Format.DUTCH, Format.NEGOTIATED])
def test_the_ascending_bid_form_stands_on_no_other_lot(offered, as_user, kind):
    market = offered(kind)
    assert as_user(market.bidders[0][1]).get(url("bid", market.lot.pk)).status_code == 404


def plain_bid(**request):
    return services.place_bid(buyer=request.pop("organisation"), **request)


def offer(**request):
    return services.make_offer(valid_seconds=3600, **request)


@pytest.mark.parametrize(
    ("kind", "act"),
    [(Format.SEALED, plain_bid), (Format.SEALED, offer), (Format.DUTCH, offer)],
)
def test_S1_a_request_of_the_wrong_format_leaves_no_amount_in_clear(offered, kind, act):
    market = offered(kind)
    buyer, user = market.bidders[0]
    asked = {"user": user, "lot_id": market.lot.pk, "organisation": buyer, "request_id": uuid4()}
    outcomes = [act(amount_minor=AMOUNT, **asked) for _ in range(2)]
    assert [each.refusal for each in outcomes] == ["wrong_format"] * 2, "A3: the same again"
    assert BidOutcome.objects.get().amount_minor is None
    assert str(AMOUNT) not in stored_texts()


def test_S1_a_refused_act_on_a_registration_shows_the_page_of_the_sealed_lot(
    offered, as_user, make_organisation, make_user
):
    market = offered(Format.SEALED)
    buyer, user = market.bidders[0]
    registration = market.lot.registrations.get(buyer=buyer)
    own, venue = as_user(user), as_user(market.operator)
    third = make_organisation("Third", OrganisationKind.BUYER)
    without_nda = as_user(make_user("third@example.com", third))
    handed_in = {"envelope": b"e" * ENVELOPE_BYTES, "request_id": uuid4()}
    services.submit_envelope(user=user, lot_id=market.lot.pk, buyer=buyer, **handed_in)
    for answer in (
        venue.post(url("deposit", registration.pk), {"bank_reference": ""}),
        own.post(url("withdraw_registration", registration.pk)),
        without_nda.post(url("register", market.lot.pk)),
    ):
        text = answer.content.decode()
        assert answer.status_code in {409, 422}
        assert "This was not done." in text
        assert "Sealed bids: one envelope in force" in text
        assert "Review bid" not in text


def test_S1_the_ascending_form_places_no_bid_in_the_round_of_a_falling_lot(offered, as_user):
    market = offered(Format.DUTCH)
    (acceptor, user), (_, other) = market.bidders
    services.accept_price(
        user=user, lot_id=market.lot.pk, buyer=acceptor, amount_minor=START, request_id=uuid4()
    )
    typed = {"amount": format_minor(AMOUNT, "CNY"), "act": "confirm", "request_id": uuid4()}
    assert as_user(other).post(url("bid", market.lot.pk), typed).status_code == 404
    assert not market.lot.receipt_rows.exists()


@pytest.mark.parametrize("kind", list(Format))
def test_every_format_offers_a_bidder_to_withdraw_its_application(offered, as_user, kind):
    market = offered(kind)
    buyer, user = market.bidders[0]
    withdrawal = url("withdraw_registration", market.lot.registrations.get(buyer=buyer).pk)
    client = as_user(user)
    page = client.get(url("detail", market.lot.pk)).content.decode()
    assert "Withdraw the application" in page
    assert f'action="{withdrawal}"' in page
    assert client.post(withdrawal).status_code == 302
    page = client.get(url("detail", market.lot.pk)).content.decode()
    assert "Withdraw the application" not in page


@pytest.mark.parametrize(
    ("kind", "shown", "served"),
    [
        (Format.ASCENDING, "0", 0),
        (Format.NEGOTIATED, "0", 0),
        (Format.SEALED, "–", None),
        (Format.DUTCH, "–", None),
    ],
)
def test_S7_no_list_counts_bids_that_are_secret(offered, as_user, kind, shown, served):
    market = offered(kind)
    client, venue = as_user(market.bidders[0][1]), as_user(market.operator)
    rows = client.get(reverse("auctions:list") + "?sort=-bids").content.decode()
    assert re.search(r'<td class="num"\s*>(–|\d+)</td>\s*<td ?>\s*<time', rows).group(1) == shown
    export = client.get(reverse("auctions:list") + "?export=csv")
    row = csv.DictReader(io.StringIO(b"".join(export.streaming_content).decode("utf-8-sig")))
    assert next(row)["Bids"] == ("" if served is None else "0")
    assert client.get(reverse("v1:lot-list")).json()["results"][0]["bids"] == served
    room = venue.get(reverse("auctions:control")).content.decode()
    assert f'data-label="Bids" class="num">{shown}<' in room
    assert ("0 bids so far" in venue.get("/").content.decode()) == (served == 0)
