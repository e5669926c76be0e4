"""Sealed, falling and negotiated lots through services, pages and API; suspension."""

import base64
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from npa_market.auctions import services
from npa_market.auctions.models import BidOutcome, Lot, LotKeyRecord, LotReceipt
from npa_market.auctions.terms import Format
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from tests.auctions.conftest import END, OPENING, START, STEP

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def envelope(number: int) -> bytes:
    return bytes([number]) * 560


def hand_in(market, who, number, request_id=None):
    buyer, user = market.bidders[who]
    return services.submit_envelope(
        user=user,
        lot_id=market.lot.pk,
        buyer=buyer,
        envelope=envelope(number),
        request_id=request_id or uuid4(),
    )


def lapse(buyer) -> None:
    buyer.qualified_until = (OPENING - timedelta(days=1)).date()
    buyer.save()


def test_S2_S3_S4_the_last_envelope_of_each_bidder_is_opened_and_the_best_wins(offered, clock):
    market = offered(Format.SEALED)
    for who, number in ((0, 1), (1, 2), (0, 3)):
        assert hand_in(market, who, number).refusal == ""
    clock.now = END
    assert market.advance().state == "opening"
    amounts = {envelope(2): START + STEP, envelope(3): START}
    lot = services.open_envelopes(
        lot_id=market.lot.pk, opener=lambda row: amounts[bytes(row.envelope)], actor=None
    )
    assert (lot.state, lot.hammer_minor, lot.winner) == ("sold", START + STEP, market.bidders[1][0])
    assert [row.kind for row in lot.events.all()] == [
        "opened", "envelopes_fixed", "envelope_opened", "envelope_opened", "sold",
    ]  # fmt: skip
    again = services.open_envelopes(lot_id=lot.pk, opener=lambda row: 1 / 0, actor=None)
    assert again.hammer_minor == lot.hammer_minor


def test_S2_a_failing_opener_opens_nothing(offered, clock):
    market = offered(Format.SEALED)
    hand_in(market, 0, 1)
    clock.now = END
    with pytest.raises(ZeroDivisionError):
        services.open_envelopes(lot_id=market.lot.pk, opener=lambda row: 1 / 0, actor=None)
    assert [row.kind for row in market.lot.events.all()] == ["opened"]


def test_S1_nothing_is_opened_before_the_deadline(offered):
    market = offered(Format.SEALED)
    hand_in(market, 0, 1)
    with pytest.raises(Refused) as refusal:
        services.open_envelopes(lot_id=market.lot.pk, opener=lambda row: START, actor=None)
    assert refusal.value.code == "not_to_be_opened"


@pytest.mark.parametrize("length", [0, 559, 561])
def test_S5_an_envelope_of_another_length_is_no_envelope(offered, length):
    market = offered(Format.SEALED)
    buyer, user = market.bidders[0]
    with pytest.raises(InvalidInput) as refusal:
        services.submit_envelope(
            user=user,
            lot_id=market.lot.pk,
            buyer=buyer,
            envelope=bytes(length),
            request_id=uuid4(),
        )
    assert refusal.value.code == "envelope_wrong_length"


def test_S7_nothing_tells_how_many_envelopes_there_are(offered, as_user):
    """The same answers with one envelope of another bidder as with three."""
    market = offered(Format.SEALED)
    user = market.bidders[0][1]
    hand_in(market, 0, 9)
    seen = []
    for number in (1, 2, 3):
        hand_in(market, 1, number)
        client = as_user(user)
        lot = client.get(f"/api/v1/lots/{market.lot.pk}/").json()
        events = client.get(f"/api/v1/lots/{market.lot.pk}/events/").json()
        state = client.get(f"/lots/{market.lot.pk}/state/").json()
        page = client.get(f"/lots/{market.lot.pk}/").content.decode()
        own = Entry.objects.about(market.lot.pk).count()
        seen.append((lot, events, state, own, "receipt" in page))
    assert seen[0] == seen[1] == seen[2]


def test_A3_an_envelope_sent_again_is_one_envelope_and_another_under_its_number_is_refused(offered):
    market = offered(Format.SEALED)
    number = uuid4()
    first = hand_in(market, 0, 1, number)
    assert hand_in(market, 0, 1, number).pk == first.pk
    with pytest.raises(Refused) as refusal:
        hand_in(market, 0, 2, number)
    assert refusal.value.code == "request_reused"
    assert LotReceipt.objects.count() == 1


@pytest.mark.parametrize(("allowed", "expected"), [(True, ""), (False, "withdrawal_not_allowed")])
def test_A16_withdrawal_where_the_terms_allow_it(offered, allowed, expected):
    market = offered(Format.SEALED, allows_withdrawal=allowed)
    hand_in(market, 0, 1)
    buyer, user = market.bidders[0]
    outcome = services.withdraw_envelope(
        user=user, lot_id=market.lot.pk, buyer=buyer, request_id=uuid4()
    )
    assert outcome.refusal == expected
    assert LotReceipt.objects.count() == (2 if allowed else 1)


def test_A15_an_envelope_is_taken_back_with_the_papers_run_out(offered, as_user):
    market = offered(Format.SEALED, allows_withdrawal=True)
    hand_in(market, 0, 1)
    buyer, user = market.bidders[0]
    lapse(buyer)
    assert hand_in(market, 0, 2).refusal == "not_qualified"
    client, address = as_user(user), f"/lots/{market.lot.pk}/"
    assert "Take it back" in client.get(address).content.decode()
    assert client.post(f"{address}envelope/withdraw/").status_code == 302
    assert LotReceipt.objects.count() == 2
    assert "Take it back" not in client.get(address).content.decode()


def test_S1_a_sealed_lot_without_a_key_takes_no_envelope(offered):
    market = offered(Format.SEALED)
    LotKeyRecord.objects.filter(lot=market.lot).delete()
    with pytest.raises(Refused) as refusal:
        hand_in(market, 0, 1)
    assert refusal.value.code == "no_key"
    assert not BidOutcome.objects.exists()


def test_dutch_from_the_fall_over_the_round_to_the_best_bid(offered, clock):
    market = offered(Format.DUTCH)
    lot, (first, user) = market.lot, market.bidders[0]

    def take(amount_minor):
        return services.accept_price(
            user=user, lot_id=lot.pk, buyer=first, amount_minor=amount_minor, request_id=uuid4()
        )

    clock.now = OPENING + 3 * MINUTE
    price = START - 3 * STEP
    assert take(price - 1).refusal == "below_price"
    assert market.bid(1, price).refusal == "still_falling"
    accepted = take(price + STEP)  # seen a tick ago: taken at the price of now
    assert accepted.event.amount_minor == price
    assert market.bid(0, price + STEP).refusal == "acceptor_waits"
    assert market.bid(1, price).refusal == "not_above_price"
    assert market.bid(1, price + 1).refusal == ""
    assert lot.events.count() == 2  # S7: the bid of the round shows nowhere yet
    clock.now += 10 * MINUTE
    assert market.bid(1, price + 2).refusal == "acceptor_only"
    assert market.bid(0, price + 1).refusal == "not_above_price"
    assert market.bid(0, price + 2).refusal == ""
    lot.refresh_from_db()
    assert (lot.state, lot.winner, lot.hammer_minor) == ("sold", first, price + 2)


def test_S7_A20_the_log_shows_the_venue_no_bid_of_the_round_and_no_name(
    offered, clock, as_user, operator
):
    market = offered(Format.DUTCH)
    (buyer, user), venue = market.bidders[0], as_user(operator)
    services.accept_price(
        user=user, lot_id=market.lot.pk, buyer=buyer, amount_minor=START, request_id=uuid4()
    )
    assert market.bid(1, START + 1).refusal == ""
    secret = Entry.objects.get(type="receipt.round_bid")
    assert venue.get(f"/evidence/{secret.payload_sha256}/").status_code == 404
    accepted = Entry.objects.get(type="lot.price_accepted")
    for address in (f"/evidence/{accepted.payload_sha256}/", f"/lots/{market.lot.pk}/"):
        assert user.email not in venue.get(address).content.decode()


def test_negotiated_offer_counter_offer_and_agreement(offered, clock, as_user, other_buyer_user):
    market = offered(Format.NEGOTIATED)
    lot, (buyer, user) = market.lot, market.bidders[0]
    assert as_user(other_buyer_user).get(f"/lots/{lot.pk}/").status_code == 404
    seller = {"user": market.seller_user, "organisation": market.lot.seller}
    bidder = {"user": user, "organisation": buyer}

    def offer(side, amount_minor):
        return services.make_offer(
            lot_id=lot.pk,
            amount_minor=amount_minor,
            valid_seconds=3600,
            request_id=uuid4(),
            **side,
        )

    def answer(side, words, number):
        return services.answer_offer(
            lot_id=lot.pk, answer=words, offer=number, request_id=uuid4(), **side
        )

    first = offer(bidder, START - STEP).event.seq
    assert answer(bidder, "accept", first).refusal == "own_offer"
    second = offer(seller, START).event.seq
    assert answer(bidder, "accept", first).refusal == "offer_changed"
    assert answer(bidder, "decline", second).refusal == ""
    assert answer(bidder, "accept", second).refusal == "no_offer"
    third = offer(seller, START - 1).event.seq
    clock.now += timedelta(hours=1) - timedelta(microseconds=1)
    assert answer(bidder, "accept", third).event.kind == "sold"
    lot.refresh_from_db()
    assert (lot.state, lot.winner, lot.hammer_minor) == ("sold", buyer, START - 1)


def test_A14_only_the_sellers_approver_offers_for_the_seller(offered, stranger, stranger_seller):
    market = offered(Format.NEGOTIATED)
    for user, side in ((market.bidders[0][1], market.lot.seller), (stranger, stranger_seller)):
        with pytest.raises(NotPermitted):
            services.make_offer(
                user=user,
                lot_id=market.lot.pk,
                organisation=side,
                amount_minor=START,
                valid_seconds=3600,
                request_id=uuid4(),
            )


def test_A18_suspended_by_the_operator_and_resumed_with_ten_minutes(market, clock, buyer_user):
    clock.now = END - MINUTE
    with pytest.raises(NotPermitted):
        services.suspend_lot(user=buyer_user, lot_id=market.lot.pk, reason="I say so")
    services.suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="Data error")
    clock.now = END + timedelta(hours=5)
    assert market.bid(0, START).refusal == "lot_suspended"
    assert market.advance().state == "suspended"
    lot = services.resume_lot(user=market.operator, lot_id=market.lot.pk)
    assert (lot.state, lot.ends_at) == ("open", clock.now + 10 * MINUTE)
    assert lot.last_end_at > lot.hard_end_at
    assert market.bid(0, START).refusal == ""
    with pytest.raises(Refused):
        services.resume_lot(user=market.operator, lot_id=market.lot.pk)


def test_A10_A11_a_maximum_shows_only_as_the_price(offered, as_user):
    market = offered(Format.ASCENDING, allows_proxy=True)
    assert market.bid(0, START + 10 * STEP).refusal == ""
    assert market.bid(1, START + 3 * STEP).event.kind == "bid_outbid"
    assert market.bid(0, START + 20 * STEP).event.kind == "maximum_raised"
    lot = Lot.objects.get(pk=market.lot.pk)
    assert (lot.leading_minor, lot.leader) == (START + 4 * STEP, market.bidders[0][0])
    assert market.bid(0, START + 20 * STEP).refusal == "below_own_maximum"
    client = as_user(market.bidders[1][1])
    for address in ("", "state/"):
        text = client.get(f"/lots/{lot.pk}/{address}").content.decode()
        assert str(START + 20 * STEP) not in text
        assert str(START + 10 * STEP) not in text


@pytest.mark.parametrize(
    "change",
    [
        {"leader_max_minor": START},
        {"extensions": 3, "max_extensions": 2},
        {"state": "suspended"},
        {"state": "opening"},
        {"format": "negotiated"},
        {"format": "dutch"},
        {"hammer_minor": START},
    ],
)
def test_A6_A10_A14_A18_S1_constraints_refuse_a_row_that_no_rule_makes(market, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        Lot.objects.filter(pk=market.lot.pk).update(**change)


# --- pages and API ---------------------------------------------------------------------------


def test_pages_of_each_format_show_the_next_act(offered, as_user, clock):
    market = offered(Format.DUTCH)
    address = f"/lots/{market.lot.pk}/"
    client = as_user(market.bidders[0][1])
    page = client.get(address).content.decode()
    assert "Accept this price" in page
    form = {"request_id": str(uuid4()), "amount_minor": str(START)}
    assert client.post(f"{address}accept-price/", form).status_code == 302
    assert client.post(f"{address}accept-price/", form).status_code == 302  # the same act
    assert BidOutcome.objects.count() == 1
    other = as_user(market.bidders[1][1])
    assert "Exceed the price" in other.get(address).content.decode()
    low = other.post(f"{address}round-bid/", {"request_id": str(uuid4()), "amount": "1.00"})
    assert low.status_code == 422
    assert low.content.decode().count("must exceed the price") == 1
    assert 'value="1.00"' in low.content.decode()
    # What can no longer be done says why, although its form is gone.
    again = {"request_id": str(uuid4()), "amount_minor": str(START)}
    late = other.post(f"{address}accept-price/", again)
    assert late.content.decode().count("This was not done.") == 1
    clock.now = market.lot.hard_end_at + 60 * MINUTE
    ended = other.post(f"{address}round-bid/", {"request_id": str(uuid4()), "amount": "1.00"})
    assert ended.content.decode().count("This was not done.") == 1


def test_A18_no_price_falls_on_the_page_of_a_suspended_lot(offered, as_user, clock):
    market = offered(Format.DUTCH)
    client, address = as_user(market.bidders[0][1]), f"/lots/{market.lot.pk}/"
    clock.now = OPENING + 3 * timedelta(seconds=market.lot.tick_seconds)
    services.suspend_lot(user=market.operator, lot_id=market.lot.pk, reason="Data error")
    price = client.get(address).context["board"].price
    clock.now += 10 * MINUTE
    assert client.get(address).context["board"].price == price
    assert client.get(f"/api/v1{address}").json()["floor_minor"] is None


def test_an_offer_that_ran_out_stands_nowhere(offered, as_user, clock):
    late = END + 120 * MINUTE
    market = offered(Format.NEGOTIATED, ends_at=late, hard_end_at=late)
    address = f"/lots/{market.lot.pk}/"
    seller, buyer = as_user(market.seller_user), as_user(market.bidders[0][1])
    offer = {"request_id": str(uuid4()), "amount": "2,000,000.00", "valid_hours": "1"}
    assert seller.post(f"{address}offer/", offer).status_code == 302
    assert "Accept ¥2,000,000.00" in buyer.get(address).content.decode()
    clock.now += 61 * MINUTE
    page = buyer.get(address).content.decode()
    assert "Accept ¥2,000,000.00" not in page
    assert "No offer stands." in page


def test_a_negotiation_on_the_page(offered, as_user):
    market = offered(Format.NEGOTIATED)
    address = f"/lots/{market.lot.pk}/"
    seller, buyer = as_user(market.seller_user), as_user(market.bidders[0][1])
    offer = {"request_id": str(uuid4()), "amount": "2,000,000.00", "valid_hours": "48"}
    assert seller.post(f"{address}offer/", offer).status_code == 302
    assert "Accept ¥2,000,000.00" in buyer.get(address).content.decode()
    number = market.lot.events.get(kind="offer_made").seq
    answer = {"request_id": str(uuid4()), "offer": str(number), "answer": "accept"}
    assert buyer.post(f"{address}answer/", answer).status_code == 302
    assert "Sold" in seller.get(address).content.decode()


def test_the_api_serves_every_format(offered, as_user, clock):
    market = offered(Format.SEALED, allows_withdrawal=True)
    client = as_user(market.bidders[0][1])
    address = f"/api/v1/lots/{market.lot.pk}/"

    def post(path, **body):
        return client.post(f"{address}{path}/", body, content_type="application/json")

    body = {"request_id": str(uuid4()), "envelope": base64.b64encode(envelope(1)).decode()}
    answer = post("envelopes", **body)
    assert answer.status_code == 201, answer.content
    assert len(answer.json()["envelope_sha256"]) == 64
    assert "receipt" not in answer.json()
    assert post("envelopes", request_id=str(uuid4()), envelope="%").status_code == 422
    assert post("envelopes/withdraw", request_id=str(uuid4())).status_code == 201
    assert (
        post("bids", request_id=str(uuid4()), amount_minor=START).json()["code"] == "wrong_format"
    )
    assert client.get(f"{address}protocol/").status_code == 409
    operator = as_user(market.operator)
    reason = {"reason": "Data error"}
    stop = operator.post(f"{address}suspend/", reason, content_type="application/json")
    assert stop.json()["state"] == "suspended"
    assert operator.post(f"{address}resume/").json()["state"] == "open"
    clock.now = END + timedelta(hours=3)
    assert client.get(f"{address}protocol/").json()["result"]["reason"] == "no_bids"


def test_A15_an_offer_is_withdrawn_or_declined_with_the_papers_run_out_and_not_accepted(offered):
    market = offered(Format.NEGOTIATED)
    lot, (buyer, user) = market.lot, market.bidders[0]
    seller = {"user": market.seller_user, "organisation": lot.seller}
    bidder = {"user": user, "organisation": buyer}

    def offered_by(side) -> int:
        terms = {"amount_minor": START, "valid_seconds": 3600, "request_id": uuid4()}
        return services.make_offer(lot_id=lot.pk, **terms, **side).event.seq

    def answer(side, words, number) -> str:
        request = {"answer": words, "offer": number, "request_id": uuid4()}
        return services.answer_offer(lot_id=lot.pk, **request, **side).refusal

    until = buyer.qualified_until
    for maker, other, words in ((bidder, seller, "withdraw"), (bidder, seller, "decline")):
        number = offered_by(maker)
        lapse(buyer)
        assert answer(other, "accept", number) == "not_qualified"
        assert answer(maker if words == "withdraw" else other, words, number) == ""
        buyer.qualified_until = until
        buyer.save()
