"""A buyer's limit on a lot: two people, above it no bid, seen by nobody else."""

import json
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse

from npa_market.auctions.core import AcceptOffer, DeclineOffer, MakeOffer, Party, Standing
from npa_market.auctions.guard.door import Guard, binding_minor
from npa_market.auctions.guard.models import BidLimit
from npa_market.auctions.guard.services import (
    approve_limit,
    commitment,
    propose_limit,
    withdraw_limit,
)
from npa_market.auctions.models import BidOutcome
from npa_market.auctions.protocol import protocol
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation
from npa_market.parties.roles import Role
from npa_market.parties.services import set_bid_limit_rule
from tests.auctions.conftest import END, START, STEP

pytestmark = pytest.mark.django_db
LIMIT = START + 3 * STEP + 17


@pytest.fixture
def second(buyer, make_user):
    """Another signatory of the first bidder."""
    return make_user("signatory2@example.com", buyer, Role.BUYER_SIGNATORY)


@pytest.fixture
def analyst(buyer, make_user):
    return make_user("analyst@example.com", buyer, Role.BUYER_ANALYST)


@pytest.fixture
def limited(market, second):
    """The market, the first bidder under a limit in force."""
    limit = propose(market, LIMIT)
    approve(market, second, limit)
    return market


def propose(market, amount_minor, user=None):
    buyer, signatory = market.bidders[0]
    return propose_limit(
        user=user or signatory, lot_id=market.lot.pk, buyer=buyer, amount_minor=amount_minor
    )


def approve(market, user, limit):
    return approve_limit(
        user=user, lot_id=market.lot.pk, buyer=market.bidders[0][0], limit_id=limit.pk
    )


def withdraw(market, user, limit):
    return withdraw_limit(
        user=user, lot_id=market.lot.pk, buyer=market.bidders[0][0], limit_id=limit.pk
    )


def code_of(act, *arguments) -> str:
    with pytest.raises(Refused) as refusal:
        act(*arguments)
    return refusal.value.code


class TestTwoPeople:
    def test_T6_who_proposed_does_not_approve(self, market, second, buyer_user):
        limit = propose(market, LIMIT)
        assert code_of(approve, market, buyer_user, limit) == "same_person"
        assert approve(market, second, limit).state == "in_force"
        assert approve(market, second, limit).approved_by == second, "again: no change"

    def test_T6_the_database_itself_refuses_it(self, market, buyer_user):
        limit = propose(market, LIMIT)
        with pytest.raises(IntegrityError, match="T6_limit_approver"), transaction.atomic():
            BidLimit.objects.filter(pk=limit.pk).update(
                state="in_force", approved_by=buyer_user, approved_at=limit.proposed_at
            )

    def test_an_analyst_proposes_and_does_not_approve(self, market, analyst, second):
        limit = propose(market, LIMIT, analyst)
        with pytest.raises(NotPermitted):
            approve(market, analyst, limit)
        approve(market, second, limit)
        with pytest.raises(NotPermitted):
            withdraw(market, analyst, limit)

    def test_nobody_of_another_house_acts(self, market, other_buyer_user, operator, seller_user):
        limit = propose(market, LIMIT)
        for person in (other_buyer_user, operator, seller_user):
            for act, argument in ((approve, limit), (withdraw, limit)):
                with pytest.raises(NotPermitted):
                    act(market, person, argument)

    def test_history_is_kept_and_one_is_in_force(self, limited, second, buyer_user):
        higher = propose(limited, LIMIT + STEP, second)
        approve(limited, buyer_user, higher)
        rows = [(row.amount_minor, row.state) for row in BidLimit.objects.order_by("id")]
        assert rows == [(LIMIT, "replaced"), (LIMIT + STEP, "in_force")]
        for change in ("amount_minor", "salt"):
            with pytest.raises(DatabaseError), transaction.atomic():
                BidLimit.objects.update(**{change: 5})
        with pytest.raises(DatabaseError), transaction.atomic():
            BidLimit.objects.all().delete()

    def test_a_proposal_takes_the_place_of_the_one_that_waits(self, market, analyst, second):
        first = propose(market, LIMIT)
        assert propose(market, LIMIT).pk == first.pk, "a double click is one proposal"
        propose(market, LIMIT + 1, analyst)
        assert code_of(approve, market, second, first) == "limit_changed"

    @pytest.mark.parametrize("amount_minor", [0, -1, 2**53])
    def test_an_amount_that_no_lot_takes(self, market, amount_minor):
        with pytest.raises(InvalidInput):
            propose(market, amount_minor)

    def test_after_the_end_limits_stay(self, market, clock):
        clock.now = END
        market.advance()
        assert code_of(propose, market, LIMIT) == "lot_over"


class TestBids:
    def test_a_bid_up_to_the_limit_passes_and_above_it_none(self, limited):
        assert code_of(limited.bid, 0, LIMIT + 1) == "above_limit"
        assert limited.bid(0, LIMIT).refusal == ""

    def test_what_was_stopped_was_never_submitted(self, limited, second, buyer_user):
        """The number may be used again, and the result of the lot knows nothing of it."""
        number = uuid4()
        assert code_of(limited.bid, 0, LIMIT + STEP, number) == "above_limit"
        assert not BidOutcome.objects.exists()
        assert not Entry.objects.about(limited.lot.pk).filter(type="lot.bid_refused").exists()
        approve(limited, second, propose(limited, LIMIT + STEP))
        assert limited.bid(0, LIMIT + STEP, number).refusal == ""

    def test_A3_an_earlier_answer_comes_back_under_a_lower_limit(self, limited, second):
        number = uuid4()
        first = limited.bid(0, START + STEP, number)
        approve(limited, second, propose(limited, START))
        assert limited.bid(0, START + STEP, number).pk == first.pk

    def test_a_rival_is_not_bound(self, limited):
        assert limited.bid(1, LIMIT + STEP).refusal == ""

    def test_a_proposal_alone_binds_nobody(self, market):
        propose(market, START)
        assert market.bid(0, START + STEP).refusal == ""

    def test_one_person_stops_bids_but_does_not_free_them(self, limited, buyer_user, second):
        withdraw(limited, buyer_user, BidLimit.objects.get())
        assert code_of(limited.bid, 0, START) == "limit_needed"
        approve(limited, second, propose(limited, START))
        assert limited.bid(0, START).refusal == ""

    def test_an_institution_that_requires_a_limit(self, market, operator, second, buyer_user):
        buyer = market.bidders[0][0]
        with pytest.raises(NotPermitted):
            set_bid_limit_rule(user=buyer_user, organisation_id=buyer.pk, requires_bid_limit=True)
        set_bid_limit_rule(user=operator, organisation_id=buyer.pk, requires_bid_limit=True)
        assert code_of(market.bid, 0, START) == "limit_needed"
        assert market.bid(1, START).refusal == "", "the other institution has no such rule"
        approve(market, second, propose(market, LIMIT))
        assert market.bid(0, START + STEP).refusal == ""

    def test_no_institution_requires_one_by_itself(self, market):
        assert not Organisation.objects.filter(requires_bid_limit=True).exists()


class TestSecret:
    def test_no_page_answer_or_entry_of_anybody_else_holds_the_amount(
        self, limited, as_user, clock, operator, seller_user, other_buyer_user, buyer_user
    ):
        code_of(limited.bid, 0, LIMIT + STEP)
        limited.bid(0, START)
        clock.now = END
        limited.advance()
        lot = limited.lot
        texts = ["1,960,000.17", "196000017", str(LIMIT)]
        assert str(LIMIT) in texts[1:]
        addresses = [
            reverse("auctions:detail", args=[lot.pk]),
            reverse("v1:lot-detail", args=[lot.pk]),
            reverse("v1:lot-events", args=[lot.pk]),
            reverse("v1:lot-protocol", args=[lot.pk]),
        ]
        for person in (operator, seller_user, other_buyer_user):
            for address in addresses:
                shown = as_user(person).get(address).content.decode()
                assert not [text for text in texts if text in shown], (person, address)
            assert not BidLimit.objects.visible_to(person).exists()
        own = as_user(buyer_user).get(addresses[0]).content.decode()
        assert "1,960,000.17" in own
        assert "limit" not in json.dumps(protocol(lot))

    def test_the_log_holds_the_fact_and_a_commitment(self, limited):
        code_of(limited.bid, 0, LIMIT + STEP)
        limit = BidLimit.objects.get()
        entries = list(Entry.objects.filter(type__startswith="limit.").order_by("seq"))
        assert [(entry.type, entry.object_id) for entry in entries] == [
            ("limit.proposed", str(limit.pk)),
            ("limit.in_force", str(limit.pk)),
            ("limit.bid_stopped", str(limited.lot.pk)),  # on the limit it would lead to a person
        ]
        assert entries[0].payload.body == {
            "lot": limited.lot.reference,
            "commitment": commitment(limit),
        }
        for entry in entries:
            assert str(LIMIT) not in json.dumps(entry.payload.body)
            assert str(LIMIT + STEP) not in json.dumps(entry.payload.body)

    def test_who_was_stopped_is_named_to_nobody_else_and_the_fact_kept_until_the_end(
        self, limited, as_user, clock, operator, buyer_user, other_buyer_user
    ):
        code_of(limited.bid, 0, LIMIT + STEP)
        entry = Entry.objects.get(type="limit.bid_stopped")
        assert str(buyer_user.pk) not in entry.canonical
        venue, address = as_user(operator), f"/evidence/{entry.payload_sha256}/"
        lot = reverse("auctions:detail", args=[limited.lot.pk])
        assert entry.leaf_sha256 not in venue.get("/evidence/?export=csv").getvalue().decode()
        assert venue.get(address).status_code == 404
        for user, is_own in ((buyer_user, True), (other_buyer_user, False), (operator, False)):
            acts = as_user(user).get(reverse("evidence:own_acts")).getvalue().decode()
            assert ("limit.bid_stopped" in acts) is is_own
            assert "bid stopped" not in as_user(user).get(lot).content.decode()
        clock.now = END
        limited.advance()
        page = venue.get(address).content.decode()
        assert "above_limit" in page
        assert not [key for key in (buyer_user.email, str(buyer_user.pk)) if key in page]

    def test_a_stopped_bid_of_before_stays_with_its_own_people(self, limited, as_user, operator):
        """It was recorded on the limit, whose proposal names a person."""
        buyer_user, limit = limited.bidders[0][1], BidLimit.objects.get()
        record(type="limit.bid_stopped", subject=limit, actor=buyer_user, payload={})
        entry = Entry.objects.get(type="limit.bid_stopped")
        assert as_user(operator).get(f"/evidence/{entry.payload_sha256}/").status_code == 404

    def test_a_limit_of_the_same_amount_has_another_commitment(self, market, analyst):
        first = commitment(propose(market, LIMIT))
        assert commitment(propose(market, LIMIT, analyst)) != first


class TestDoors:
    def test_pages_propose_approve_and_stop_a_bid(self, market, as_user, second, buyer_user):
        own, other = as_user(buyer_user), as_user(second)
        lot = market.lot.pk
        wrong = own.post(reverse("auctions:limit_propose", args=[lot]), {"limit-amount": "many"})
        assert wrong.status_code == 422
        assert 'value="many"' in wrong.content.decode()
        own.post(reverse("auctions:limit_propose", args=[lot]), {"limit-amount": "1,960,000.17"})
        limit = BidLimit.objects.get()
        page = reverse("auctions:detail", args=[lot])
        assert "Approve ¥1,960,000.17" not in own.get(page).content.decode()
        assert "Approve ¥1,960,000.17" in other.get(page).content.decode()
        again = own.post(reverse("auctions:limit_approve", args=[lot]), {"limit": limit.pk})
        assert again.status_code == 422
        assert "another signatory" in again.content.decode()
        other.post(reverse("auctions:limit_approve", args=[lot]), {"limit": limit.pk})
        bid = {"amount": "1960000.18", "request_id": uuid4(), "act": "confirm"}
        stopped = own.post(reverse("auctions:bid", args=[lot]), bid)
        assert stopped.status_code == 409
        assert "above the limit" in stopped.content.decode()
        assert 'value="1960000.18"' in stopped.content.decode()
        assert not BidOutcome.objects.exists()

    def test_the_api_does_the_same(self, market, as_user, second, buyer_user, other_buyer_user):
        lot = market.lot.pk

        def call(user, name, **body):
            address = reverse(f"v1:lot-{name}", args=[lot])
            return as_user(user).post(address, body, content_type="application/json")

        proposed = call(buyer_user, "propose-limit", amount_minor=LIMIT)
        assert proposed.status_code == 201
        limit = proposed.json()["id"]
        assert call(buyer_user, "approve-limit", limit=limit).json()["code"] == "same_person"
        assert call(second, "approve-limit", limit=limit).json()["state"] == "in_force"
        bid = call(buyer_user, "bids", amount_minor=LIMIT + 1, request_id=str(uuid4()))
        assert (bid.status_code, bid.json()["code"]) == (409, "above_limit")
        address = reverse("v1:lot-limits", args=[lot])
        assert len(as_user(second).get(address).json()) == 1
        assert as_user(other_buyer_user).get(address).json() == []
        assert call(buyer_user, "withdraw-limit", limit=limit).json()["state"] == "withdrawn"

    def test_the_operator_keeps_the_rule_of_an_institution(self, market, as_user, operator):
        buyer = market.bidders[0][0]
        address = reverse("parties:bid_limit_rule", args=[buyer.pk])
        for typed, kept in (({"requires_bid_limit": "on"}, True), ({}, False)):
            assert as_user(operator).post(address, typed).status_code == 302
            buyer.refresh_from_db()
            assert buyer.requires_bid_limit is kept
        assert as_user(market.bidders[0][1]).post(address, {}).status_code == 403


STANDING = Standing(
    is_qualified=True,
    is_admitted=True,
    has_deposit=True,
    is_related_to_seller=False,
    is_suspended=False,
)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (MakeOffer(Party.BUYER, "b", 7, 60, STANDING), 7),
        (MakeOffer(Party.SELLER, "b", 7, 60, STANDING), None),
        (DeclineOffer(Party.BUYER, "b", 1, STANDING), None),
        (AcceptOffer(Party.SELLER, "b", 1, STANDING), None),
    ],
)
def test_what_an_act_of_a_negotiation_binds_its_buyer_to(command, expected, market):
    from npa_market.auctions.rows import state_of

    assert binding_minor(command, state_of(market.lot)) == expected
    assert Guard(limit_minor=0).stops(command, state_of(market.lot)) == (
        "limit_needed" if expected else ""
    )
