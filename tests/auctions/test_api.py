"""The API of the bidding room."""

from uuid import uuid4

import pytest
from django.urls import reverse

from npa_market.auctions import services
from npa_market.auctions.models import Lot
from npa_market.auctions.serializers import OutcomeSerializer
from npa_market.ledger.models import Hold
from npa_market.parties.models import Membership
from npa_market.parties.roles import Role
from tests.auctions.conftest import DEPOSIT, END, OPENING, RESERVE, START, STEP, sign

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def call(as_user):
    """Post JSON to a named address as somebody."""

    def act(user, name, *keys, **body):
        return as_user(user).post(reverse(f"v1:{name}", args=keys), body, content_type=JSON)

    return act


def test_list_and_detail_without_a_reserve(market, as_user):
    market.bid(0, START)
    client = as_user(market.bidders[1][1])
    (row,) = client.get(reverse("v1:lot-list")).json()["results"]
    detail = client.get(reverse("v1:lot-detail", args=[market.lot.pk])).json()
    assert row == detail
    assert (detail["leading_minor"], detail["floor_minor"], detail["state"]) == (
        START,
        START + STEP,
        "open",
    )
    assert not [name for name in detail if "reserve" in name or "leader" in name]


def test_an_outcome_is_written_as_its_fields_say(market):
    accepted, refused = market.bid(0, START), market.bid(1, START)
    for outcome in (accepted, refused):
        serializer = OutcomeSerializer()
        said = super(OutcomeSerializer, serializer).to_representation(outcome)
        assert serializer.to_representation(outcome) == said


def test_accepted_and_again(market, call):
    user = market.bidders[0][1]
    body = {"request_id": str(uuid4()), "amount_minor": START}
    first = call(user, "lot-bids", market.lot.pk, **body)
    assert first.status_code == 201
    assert (first.json()["result"], first.json()["seq"]) == ("accepted", 2)
    assert call(user, "lot-bids", market.lot.pk, **body).json() == first.json()
    reused = call(user, "lot-bids", market.lot.pk, **{**body, "amount_minor": START + STEP})
    assert (reused.status_code, reused.json()["code"]) == (409, "request_reused")


def test_A3_a_lost_answer_is_found_again(market, call, as_user):
    user, other = market.bidders[0][1], market.bidders[1][1]
    accepted, refused = uuid4(), uuid4()
    call(user, "lot-bids", market.lot.pk, request_id=str(accepted), amount_minor=START)
    call(user, "lot-bids", market.lot.pk, request_id=str(refused), amount_minor=START)

    def result(who, request_id):
        address = reverse("v1:lot-bid-by-request", args=[market.lot.pk, request_id])
        return as_user(who).get(address).json()

    assert result(user, accepted)["outcome"]["seq"] == 2
    assert result(user, accepted)["result"] == "accepted"
    assert result(user, refused)["outcome"]["refusal"] == "below_step"
    assert result(user, uuid4()) == {"result": "unknown", "outcome": None}
    assert result(other, accepted)["result"] == "unknown", "another bidder's answers are its own"


@pytest.mark.django_db(transaction=True)
def test_A3_a_reply_lost_after_the_commit_is_resolved_by_its_request_number(
    market, call, as_user, monkeypatch
):
    """The line breaks between the commit and the answer: asked or sent again, one outcome."""
    place_bid, user = services.place_bid, market.bidders[0][1]
    body = {"request_id": str(uuid4()), "amount_minor": START}

    def place_and_break(**asked):
        place_bid(**asked)
        raise ConnectionResetError

    with monkeypatch.context() as line, pytest.raises(ConnectionResetError):
        line.setattr(services, "place_bid", place_and_break)
        call(user, "lot-bids", market.lot.pk, **body)
    address = reverse("v1:lot-bid-by-request", args=[market.lot.pk, body["request_id"]])
    found = as_user(user).get(address).json()
    assert (found["result"], found["outcome"]["seq"]) == ("accepted", 2)
    again = call(user, "lot-bids", market.lot.pk, **body)
    assert (again.status_code, again.json()) == (201, found["outcome"])
    assert list(market.lot.events.values_list("kind", flat=True)) == ["opened", "bid_accepted"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "request_id"),
        ({"request_id": "x", "amount_minor": START}, "request_id"),
        ({"request_id": str(uuid4()), "amount_minor": "many"}, "amount_minor"),
        ({"request_id": str(uuid4()), "amount_minor": 1.5}, "amount_minor"),
        ({"request_id": str(uuid4()), "amount_minor": 10**20}, "amount_minor"),
        ({"request_id": str(uuid4()), "amount_minor": None}, "amount_minor"),
    ],
)
def test_an_unreadable_bid_names_its_field(market, call, body, field):
    answer = call(market.bidders[0][1], "lot-bids", market.lot.pk, **body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_for_which_buyer(market, call, other_buyer):
    user = market.bidders[0][1]
    body = {"request_id": str(uuid4()), "amount_minor": START, "buyer": str(other_buyer.pk)}
    assert call(user, "lot-bids", market.lot.pk, **body).status_code == 404
    Membership.objects.create(user=user, organisation=other_buyer, role=Role.BUYER_SIGNATORY)
    answer = call(user, "lot-bids", market.lot.pk, **body)
    assert answer.status_code == 201
    assert Lot.objects.get().leader == other_buyer


def test_protocol_with_labels(market, as_user):
    market.bid(0, START)
    market.bid(1, START + STEP)
    client = as_user(market.seller_user)
    address = reverse("v1:lot-events", args=[market.lot.pk])
    rows = client.get(address).json()
    labels = [market.lot.registrations.get(buyer=buyer).label for buyer, _ in market.bidders]
    assert [(row["seq"], row["bidder"]) for row in rows] == [
        (1, ""),
        *zip((2, 3), labels, strict=True),
    ]
    assert [row["seq"] for row in client.get(address + "?after=2").json()] == [3]
    assert client.get(address + "?after=x").status_code == 422


def test_registration_from_application_to_deposit(
    announced, call, as_user, buyer, buyer_user, operator
):
    early = call(buyer_user, "lot-register", announced.lot.pk)
    assert (early.status_code, early.json()["code"]) == (409, "nda_missing")
    sign(announced.room, buyer, buyer_user)
    applied = call(buyer_user, "lot-register", announced.lot.pk).json()
    assert call(buyer_user, "registration-admit", applied["id"]).status_code == 403
    admitted = call(operator, "registration-admit", applied["id"]).json()
    assert (admitted["state"], admitted["bidder"]) == ("admitted", "")
    own = as_user(buyer_user).get(reverse("v1:registration-detail", args=[applied["id"]])).json()
    assert own["bidder"].startswith("Bidder ")
    answer = call(operator, "registration-deposit", applied["id"], bank_reference="BANK-9")
    assert answer.status_code == 200
    assert Hold.objects.get().amount_minor == DEPOSIT
    again = call(operator, "registration-refuse", applied["id"], reason="x")
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")


def test_strangers_find_nothing(market, call, as_user, stranger, other_buyer_user):
    client = as_user(stranger)
    for name in ("lot-detail", "lot-events"):
        assert client.get(reverse(f"v1:{name}", args=[market.lot.pk])).status_code == 404
    assert client.get(reverse("v1:lot-list")).json()["results"] == []
    registration = market.lot.registrations.get(buyer=market.bidders[0][0])
    other = as_user(other_buyer_user).get(reverse("v1:registration-detail", args=[registration.pk]))
    assert other.status_code == 404
    assert as_user(stranger).get("/api/v1/lots/no-key/").status_code == 404


def test_announced_and_cancelled(package, room, call, seller_user, operator, clock, stranger):
    body = {
        "package": str(package.pk),
        "title": "Consumer loans",
        "start_price_minor": START,
        "step_minor": STEP,
        "deposit_minor": DEPOSIT,
        "reserve_minor": RESERVE,
        "registration_ends_at": "2026-11-11T09:50:00+08:00",
        "opens_at": "2026-11-11T10:00:00+08:00",
        "ends_at": "2026-11-11T11:00:00+08:00",
        "hard_end_at": "2026-11-11T11:30:00+08:00",
    }
    assert call(stranger, "lot-list", **body).status_code == 404
    assert call(operator, "lot-list", **body).status_code == 403
    wrong = call(seller_user, "lot-list", **{**body, "deposit_minor": START + 1})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "deposit")
    made = call(seller_user, "lot-list", **body)
    assert made.status_code == 201
    assert str(RESERVE) not in made.content.decode()
    lot = Lot.objects.get()
    assert (lot.opens_at, lot.first_end_at, lot.reserve_minor) == (OPENING, END, RESERVE)
    cancelled = call(operator, "lot-cancel", lot.pk, reason="Data error")
    assert cancelled.json()["state"] == "cancelled"
    late = call(operator, "lot-cancel", lot.pk, reason="again")
    assert (late.status_code, late.json()["code"]) == (409, "lot_over")


def test_busy_is_503_with_a_time_to_come_back(market, call, monkeypatch):
    from npa_market.auctions import services
    from npa_market.common.errors import Busy

    def busy(**arguments):
        raise Busy

    monkeypatch.setattr(services, "place_bid", busy)
    answer = call(
        market.bidders[0][1],
        "lot-bids",
        market.lot.pk,
        request_id=str(uuid4()),
        amount_minor=START,
    )
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
