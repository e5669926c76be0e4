"""A15: who may bid is looked up in the transaction of the bid."""

from datetime import timedelta
from uuid import uuid4

import pytest

from npa_market.common.errors import NotPermitted
from npa_market.diligence.models import Admission
from npa_market.ledger.models import Hold, HoldState
from npa_market.parties.models import Membership, QualificationState
from npa_market.parties.roles import Role
from tests.auctions.conftest import DEPOSIT, OPENING, START

pytestmark = pytest.mark.django_db


class TestA15:
    """Whether somebody may bid is looked up in the transaction of the bid, not before."""

    def refusal(self, market) -> str:
        outcome = market.bid(0, START)
        assert (outcome.event is None) == bool(outcome.refusal)
        return outcome.refusal

    def test_A15_qualification_lost_between_two_bids(self, market):
        buyer = market.bidders[0][0]
        buyer.qualification = QualificationState.REFUSED
        buyer.save()
        assert self.refusal(market) == "not_qualified"

    @pytest.mark.parametrize(("days", "expected"), [(-1, "not_qualified"), (0, "")])
    def test_A15_papers_hold_through_their_last_day(self, market, days, expected):
        buyer = market.bidders[0][0]
        buyer.qualified_until = (OPENING + timedelta(days=days)).date()
        buyer.save()
        assert self.refusal(market) == expected

    def test_A15_suspended(self, market):
        buyer = market.bidders[0][0]
        buyer.qualification = QualificationState.SUSPENDED
        buyer.save()
        assert self.refusal(market) == "suspended"

    def test_A15_nda_revoked(self, market):
        Admission.objects.filter(buyer=market.bidders[0][0]).update(
            revoked_at=OPENING, revoked_by=market.operator, revoke_reason="Passed files on"
        )
        assert self.refusal(market) == "not_admitted"

    def test_A15_never_registered(self, market, make_organisation, make_user):
        newcomer = make_organisation("Third Fund", "buyer")
        market.bidders[0] = (newcomer, make_user("third@example.com", newcomer))
        assert self.refusal(market) == "not_admitted"

    @pytest.mark.parametrize("state", [HoldState.REFUNDED, HoldState.FORFEITED])
    def test_A15_deposit_gone(self, market, state):
        holds = Hold.objects.filter(buyer=market.bidders[0][0])
        holds.update(state=state, resolved_at=OPENING)
        assert self.refusal(market) == "no_deposit"

    @pytest.mark.parametrize(("missing_minor", "expected"), [(0, ""), (1, "no_deposit")])
    def test_A15_the_deposit_counts_in_full_alone(self, market, missing_minor, expected):
        holds = Hold.objects.filter(buyer=market.bidders[0][0])
        holds.update(amount_minor=DEPOSIT - missing_minor)
        assert self.refusal(market) == expected

    def test_A15_deposit_in_another_currency_does_not_count(self, market):
        Hold.objects.filter(buyer=market.bidders[0][0]).update(currency="USD")
        assert self.refusal(market) == "no_deposit"

    def test_A15_deposit_of_another_lot_does_not_count(self, market):
        Hold.objects.filter(buyer=market.bidders[0][0]).update(lot_id=uuid4())
        assert self.refusal(market) == "no_deposit"

    def test_A15_somebody_of_the_seller_works_for_the_bidder(self, market):
        Membership.objects.create(
            user=market.seller_user,
            organisation=market.bidders[0][0],
            role=Role.BUYER_ANALYST,
        )
        assert self.refusal(market) == "related_to_seller"

    def test_A15_a_left_membership_does_not_relate(self, market):
        Membership.objects.create(
            user=market.seller_user,
            organisation=market.bidders[0][0],
            role=Role.BUYER_ANALYST,
            is_active=False,
        )
        assert self.refusal(market) == ""

    def test_only_a_signatory_bids_for_an_institution(self, market, make_user):
        buyer, _ = market.bidders[0]
        market.bidders[0] = (buyer, make_user("analyst@example.com", buyer, Role.BUYER_ANALYST))
        with pytest.raises(NotPermitted):
            market.bid(0, START)
        market.bidders[0] = (buyer, market.bidders[1][1])
        with pytest.raises(NotPermitted):
            market.bid(0, START)
