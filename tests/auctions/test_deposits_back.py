"""Deposits that go back before the end: refused, withdrawn, and matched with the wrong bidder."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from npa_market.auctions.core import Format
from npa_market.auctions.models import Registration
from npa_market.auctions.services import (
    admit_registration,
    confirm_deposit,
    place_bid,
    refuse_registration,
    register_for_lot,
    submit_envelope,
    unmatch_deposit,
    withdraw_envelope,
    withdraw_registration,
)
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.ledger.models import Hold, JournalEntry
from npa_market.parties.roles import Role
from tests.auctions.conftest import END, OPENING, START, sign

pytestmark = pytest.mark.django_db
LINE = "BANK-1"


@pytest.fixture
def applied(announced, buyer, buyer_user) -> Registration:
    """An applicant of whom nothing is decided, with its deposit already matched."""
    sign(announced.room, buyer, buyer_user)
    registration = register_for_lot(user=buyer_user, lot_id=announced.lot.pk, buyer=buyer)
    match(announced.operator, registration)
    return registration


def match(user, registration, line=LINE) -> Hold:
    return confirm_deposit(user=user, registration_id=registration.pk, bank_reference=line)


def unmatch(user, registration, reason="meant for another lot") -> Hold:
    return unmatch_deposit(user=user, registration_id=registration.pk, reason=reason)


def registration_of(market, who=0) -> Registration:
    return market.lot.registrations.get(buyer=market.bidders[who][0])


def code_of(act) -> str:
    with pytest.raises(Refused) as refusal:
        act()
    return refusal.value.code


def kinds() -> list[str]:
    return list(JournalEntry.objects.values_list("kind", flat=True))


class TestRefusedApplicant:
    def test_is_paid_back_at_once_and_once(self, applied, operator):
        act = {"user": operator, "registration_id": applied.pk, "reason": "Papers incomplete"}
        refuse_registration(**act)
        refuse_registration(**act)
        assert Hold.objects.get().state == "refunded"
        assert kinds() == ["deposit_taken", "deposit_refunded"]
        entry = Entry.objects.get(type="deposit.refunded")
        assert entry.object_id == str(Hold.objects.get().pk)

    def test_without_a_deposit_nothing_is_booked(self, announced, buyer, buyer_user, operator):
        sign(announced.room, buyer, buyer_user)
        applied = register_for_lot(user=buyer_user, lot_id=announced.lot.pk, buyer=buyer)
        refuse_registration(user=operator, registration_id=applied.pk, reason="Papers incomplete")
        assert kinds() == []

    def test_an_admitted_bidder_keeps_its_deposit_held(self, applied, operator):
        admit_registration(user=operator, registration_id=applied.pk)
        assert Hold.objects.get().state == "held"


class TestWithdrawnApplication:
    def test_decided_or_not_it_is_paid_back_once(self, applied, buyer_user, operator):
        for _ in range(2):
            gone = withdraw_registration(user=buyer_user, registration_id=applied.pk)
        assert gone.state == "withdrawn"
        assert Hold.objects.get().state == "refunded"
        assert kinds() == ["deposit_taken", "deposit_refunded"]
        assert [each.type for each in Entry.objects.about(applied.pk)] == [
            "registration.applied",
            "registration.withdrawn",
        ]
        admit = {"user": operator, "registration_id": applied.pk}
        assert code_of(lambda: admit_registration(**admit)) == "already_decided"

    def test_who_withdrew_does_not_bid_and_brings_no_deposit(self, market):
        registration = registration_of(market)
        buyer, user = market.bidders[0]
        withdraw_registration(user=user, registration_id=registration.pk)
        outcome = place_bid(
            user=user,
            lot_id=market.lot.pk,
            buyer=buyer,
            amount_minor=START,
            request_id=uuid4(),
        )
        assert outcome.refusal == "not_admitted"
        late = code_of(lambda: match(market.operator, registration, "BANK-2"))
        assert late == "registration_withdrawn"
        again = register_for_lot(user=user, lot_id=market.lot.pk, buyer=buyer)
        assert again.state == "withdrawn"

    def test_A15_whoever_bid_is_bound(self, market):
        market.bid(0, START)
        act = {"user": market.bidders[0][1], "registration_id": registration_of(market).pk}
        assert code_of(lambda: withdraw_registration(**act)) == "has_bid"
        assert set(Hold.objects.values_list("state", flat=True)) == {"held"}

    def test_A15_an_envelope_taken_back_binds_too(self, offered):
        market = offered(Format.SEALED, allows_withdrawal=True)
        _hand_in(market)
        buyer, user = market.bidders[0]
        withdraw_envelope(user=user, lot_id=market.lot.pk, buyer=buyer, request_id=uuid4())
        act = {"user": market.bidders[0][1], "registration_id": registration_of(market).pk}
        assert code_of(lambda: withdraw_registration(**act)) == "has_bid"

    def test_not_after_the_end(self, market, clock):
        clock.now = END
        market.advance()
        act = {"user": market.bidders[0][1], "registration_id": registration_of(market).pk}
        assert code_of(lambda: withdraw_registration(**act)) == "lot_over"

    def test_a_refused_one_is_decided(self, applied, buyer_user, operator):
        refuse_registration(user=operator, registration_id=applied.pk, reason="Papers incomplete")
        act = {"user": buyer_user, "registration_id": applied.pk}
        assert code_of(lambda: withdraw_registration(**act)) == "already_decided"

    def test_only_its_own_signatory(self, applied, buyer, make_user, other_buyer_user, operator):
        analyst = make_user("analyst@example.com", buyer, Role.BUYER_ANALYST)
        for user in (analyst, other_buyer_user, operator):
            with pytest.raises(NotPermitted):
                withdraw_registration(user=user, registration_id=applied.pk)


def _hand_in(market) -> None:
    buyer, user = market.bidders[0]
    submit_envelope(
        user=user,
        lot_id=market.lot.pk,
        buyer=buyer,
        envelope=bytes(560),
        request_id=uuid4(),
    )


class TestWrongMatch:
    def test_the_line_goes_to_the_registration_it_was_meant_for(
        self, announced, buyer, buyer_user, other_buyer, other_buyer_user, operator
    ):
        wrong = announced.admit(buyer, buyer_user, with_deposit=False)
        right = announced.admit(other_buyer, other_buyer_user, with_deposit=False)
        match(operator, wrong)
        assert code_of(lambda: match(operator, right)) == "bank_line_used"
        first = unmatch(operator, wrong)
        assert unmatch(operator, wrong).pk == first.pk
        match(operator, right)
        states = dict(Hold.objects.values_list("buyer", "state"))
        assert states == {buyer.pk: "unmatched", other_buyer.pk: "held"}
        assert kinds() == ["deposit_taken", "deposit_unmatched", "deposit_taken"]
        entry = Entry.objects.get(type="deposit.unmatched")
        assert entry.payload.body["reason"] == "meant for another lot"

    def test_A15_without_the_match_there_is_no_bid(self, market):
        unmatch(market.operator, registration_of(market))
        assert market.bid(0, START).refusal == "no_deposit"
        match(market.operator, registration_of(market), "BANK-2")
        assert market.bid(0, START).refusal == ""

    def test_A15_a_bidder_who_has_bid_needs_it(self, market):
        market.bid(0, START)
        assert code_of(lambda: unmatch(market.operator, registration_of(market))) == "has_bid"
        unmatch(market.operator, registration_of(market, 1))

    @pytest.mark.parametrize("kind", [Format.SEALED, Format.DUTCH])
    @pytest.mark.parametrize("has_bid", [True, False])
    def test_S7_where_bids_are_secret_the_answer_tells_nothing(self, offered, kind, has_bid):
        market = offered(kind)
        if has_bid and kind == Format.SEALED:
            _hand_in(market)
        refused = code_of(lambda: unmatch(market.operator, registration_of(market)))
        assert refused == "bidding_opened"

    def test_S7_before_the_opening_a_secret_lot_is_as_any_other(self, offered, clock):
        market = offered(Format.SEALED)
        clock.now = OPENING - timedelta(seconds=1)
        assert unmatch(market.operator, registration_of(market)).state == "unmatched"

    def test_a_reason_is_given(self, applied, operator):
        for reason in ("", " ", "x" * 501):
            with pytest.raises(InvalidInput) as refusal:
                unmatch(operator, applied, reason)
            assert refusal.value.field == "reason"

    def test_what_was_paid_back_is_not_unmatched(self, applied, buyer_user, operator):
        withdraw_registration(user=buyer_user, registration_id=applied.pk)
        assert code_of(lambda: unmatch(operator, applied)) == "deposit_resolved"

    def test_not_after_the_end(self, market, clock):
        clock.now = END
        market.advance()
        assert code_of(lambda: unmatch(market.operator, registration_of(market))) == "lot_over"

    def test_finance_or_the_operator(self, applied, venue, make_user, buyer_user, seller_user):
        officer = make_user("officer@example.com", venue, Role.COMPLIANCE)
        for user in (officer, buyer_user, seller_user):
            with pytest.raises(NotPermitted):
                unmatch(user, applied)
        clerk = make_user("clerk@example.com", venue, Role.VENUE_FINANCE)
        assert unmatch(clerk, applied).state == "unmatched"


class TestDoors:
    def test_finance_takes_a_match_back_on_the_page(self, applied, announced, as_user, operator):
        client = as_user(operator)
        page = reverse("auctions:detail", args=[announced.lot.pk])
        door = reverse("auctions:unmatch", args=[applied.pk])
        assert door in client.get(page).content.decode()
        assert client.post(door, {"reason": ""}).status_code == 422
        assert client.post(door, {"reason": "meant for another lot"}).status_code == 302
        text = client.get(page).content.decode()
        assert door not in text
        assert reverse("auctions:deposit", args=[applied.pk]) in text, "it can be matched again"

    def test_S7_the_page_offers_it_on_no_secret_lot_in_bidding(self, offered, as_user):
        market = offered(Format.SEALED)
        page = reverse("auctions:detail", args=[market.lot.pk])
        text = as_user(market.operator).get(page).content.decode()
        assert reverse("auctions:unmatch", args=[registration_of(market).pk]) not in text

    def test_a_buyer_withdraws_on_the_page(self, applied, announced, as_user, buyer_user):
        client = as_user(buyer_user)
        page = reverse("auctions:detail", args=[announced.lot.pk])
        door = reverse("auctions:withdraw_registration", args=[applied.pk])
        assert door in client.get(page).content.decode()
        assert client.post(door).status_code == 302
        text = client.get(page).content.decode()
        assert door not in text
        assert "You withdrew the application" in text
        assert "What you had paid goes back to you" in text

    def test_the_venue_reads_that_it_was_paid_back(self, applied, announced, as_user, operator):
        refuse_registration(user=operator, registration_id=applied.pk, reason="Papers incomplete")
        page = reverse("auctions:detail", args=[announced.lot.pk])
        assert "paid back" in as_user(operator).get(page).content.decode()

    def test_by_api(self, applied, as_user, buyer_user, operator):
        def post(user, name, **body):
            address = reverse(f"v1:registration-{name}", args=[applied.pk])
            return as_user(user).post(address, body, content_type="application/json")

        assert post(buyer_user, "unmatch-deposit", reason="x").status_code == 403
        assert post(operator, "unmatch-deposit", reason="").status_code == 422
        assert post(operator, "unmatch-deposit", reason="x").status_code == 200
        assert Hold.objects.get().state == "unmatched"
        assert post(operator, "withdraw").status_code == 403
        assert post(buyer_user, "withdraw").json()["state"] == "withdrawn"
