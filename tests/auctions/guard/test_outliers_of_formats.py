"""Unusual amounts on falling and negotiated lots are typed twice, as on any other."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from npa_market.auctions.guard.outliers import yardstick_of
from npa_market.auctions.models import BidOutcome
from npa_market.auctions.services import accept_price
from npa_market.auctions.terms import Format
from npa_market.common.money import format_minor
from tests.auctions.conftest import START, STEP
from tests.auctions.guard.test_outliers import value

pytestmark = pytest.mark.django_db
LAST = START - STEP
FAR = LAST * 3 // 2 + 1


@pytest.fixture
def in_round(offered, clock):
    """A falling lot whose first price below the start was taken by the second bidder."""
    market = offered(Format.DUTCH, tick_seconds=60)
    clock.now += timedelta(minutes=1)
    buyer, user = market.bidders[1]
    accept_price(
        user=user, lot_id=market.lot.pk, buyer=buyer, amount_minor=LAST, request_id=uuid4()
    )
    return market


@pytest.fixture
def negotiated(offered):
    return offered(Format.NEGOTIATED)


def typed(amount_minor: int) -> str:
    return format_minor(amount_minor, "CNY")


def post(client, market, act, **data):
    return client.post(reverse(f"auctions:{act}", args=[market.lot.pk]), data)


def test_the_last_price_of_a_round_is_the_accepted_one(in_round):
    assert yardstick_of(in_round.lot.pk, in_round.bidders[0][0]).price_minor == LAST


def test_a_round_bid_far_above_it_is_typed_twice(in_round, as_user):
    client, number = as_user(in_round.bidders[0][1]), uuid4()
    request = {"request_id": number, "amount": typed(FAR)}
    for again in ({}, {"confirm_amount": ""}, {"confirm_amount": typed(FAR - 1)}):
        answer = post(client, in_round, "round_bid", **request, **again)
        text = answer.content.decode()
        assert answer.status_code == 422
        assert text.count("times the last price of ¥1,880,000.00") == 2  # summary and field
        assert 'name="confirm_amount" inputmode' in text
        assert str(number) in text
    assert not BidOutcome.objects.filter(buyer=in_round.bidders[0][0]).exists()
    answer = post(client, in_round, "round_bid", **request, confirm_amount=typed(FAR))
    assert answer.status_code == 302
    assert BidOutcome.objects.get(request_id=number).amount_minor == FAR


def test_a_round_bid_at_the_limit_of_the_usual_is_not(in_round, as_user):
    client = as_user(in_round.bidders[0][1])
    request = {"request_id": uuid4(), "amount": typed(FAR - 1)}
    assert post(client, in_round, "round_bid", **request).status_code == 302


def test_a_falling_price_above_the_own_valuation_says_so(offered, as_user):
    market = offered(Format.DUTCH)
    client, address = (
        as_user(market.bidders[0][1]),
        reverse("auctions:detail", args=[market.lot.pk]),
    )
    assert "Your own valuation" not in client.get(address).content.decode()
    value(market, *market.bidders[0], START - 1)
    assert (
        "Your own valuation has 95 % of its outcomes below" in client.get(address).content.decode()
    )


OFFER = START * 3 // 2 + 1


def test_a_buyers_offer_far_above_what_is_asked_is_typed_twice(negotiated, as_user):
    client = as_user(negotiated.bidders[0][1])
    request = {"request_id": uuid4(), "amount": typed(OFFER), "valid_hours": 1}
    answer = post(client, negotiated, "offer", **request)
    assert answer.status_code == 422
    assert not negotiated.lot.events.filter(kind="offer_made").exists()
    post(client, negotiated, "offer", **request, confirm_amount=typed(OFFER))
    assert negotiated.lot.events.get(kind="offer_made").amount_minor == OFFER


def test_a_sellers_offer_binds_no_buyer_and_is_typed_once(negotiated, as_user):
    client = as_user(negotiated.seller_user)
    request = {"request_id": uuid4(), "amount": typed(OFFER), "valid_hours": 1}
    assert post(client, negotiated, "offer", **request).status_code == 302
    api = {"request_id": str(uuid4()), "amount_minor": OFFER + 1, "valid_seconds": 3600}
    address = reverse("v1:lot-offers", args=[negotiated.lot.pk])
    assert client.post(address, api, content_type="application/json").status_code == 201


def test_an_offer_through_the_api_repeats_its_amount(negotiated, as_user):
    client, address = (
        as_user(negotiated.bidders[0][1]),
        reverse("v1:lot-offers", args=[negotiated.lot.pk]),
    )
    request = {"request_id": str(uuid4()), "amount_minor": OFFER, "valid_seconds": 3600}

    def ask(**more):
        return client.post(address, {**request, **more}, content_type="application/json")

    assert ask().json()["code"] == "confirm_outlier"
    assert ask(confirm_amount_minor=OFFER, currency="USD").json()["code"] == "wrong_currency"
    assert not BidOutcome.objects.exists()
    assert ask(confirm_amount_minor=OFFER).status_code == 201
