"""The seller takes a lot back before bidding opens."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from npa_market.auctions import core
from npa_market.auctions.offline.check_protocol import Broken, check
from npa_market.auctions.protocol import chained_anew, protocol
from npa_market.auctions.replay import replay
from npa_market.auctions.services import cancel_lot, withdraw_lot
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.models import OutboxMessage
from npa_market.evidence.models import Entry
from npa_market.ledger.models import Hold, HoldState
from npa_market.parties.roles import Role
from npa_market.transfers.services import release_deposits
from tests.auctions.conftest import OPENING, START, terms

pytestmark = pytest.mark.django_db
REASON = "The loan list has an error"
SECOND = timedelta(seconds=1)


def withdraw(market, **changes):
    return withdraw_lot(
        **{"user": market.seller_user, "lot_id": market.lot.pk, "reason": REASON, **changes}
    )


@pytest.mark.parametrize(
    ("before_opening", "party", "expected"),
    [
        (SECOND, core.Party.SELLER, [core.Cancelled]),
        (0 * SECOND, core.Party.SELLER, [core.Opened]),
        (SECOND, "", [core.Cancelled]),
        (0 * SECOND, "", [core.Opened, core.Cancelled]),
    ],
)
@pytest.mark.parametrize("kind", core.Format)
def test_a_seller_withdraws_until_the_opening_the_operator_ends_it_later(
    kind, before_opening, party, expected
):
    own = {"lowest_price_minor": START // 2} if kind == core.Format.DUTCH else {}
    state = core.announced(terms(format=kind, invited="a", **own))
    events = core.decide(state, core.Cancel(REASON, party), OPENING - before_opening)
    assert [type(event) for event in events] == expected
    if isinstance(events[-1], core.Cancelled):
        assert events[-1].party == party


class TestWithdrawal:
    def test_ends_the_lot_for_ever_and_frees_the_package(self, announced):
        lot = withdraw(announced)
        event = lot.events.get()
        assert (lot.state, event.kind, event.party) == ("cancelled", "cancelled", "seller")
        assert event.reason == REASON
        (entry,) = Entry.objects.about(lot.pk).filter(type="lot.cancelled")
        assert (entry.payload.body["party"], entry.payload.body["reason"]) == ("seller", REASON)
        bodies = OutboxMessage.objects.filter(topic="lot.ended").values_list("body", flat=True)
        assert list(bodies) == [{"lot_id": str(lot.pk), "result": "cancelled"}]
        with pytest.raises(Refused) as refusal:
            withdraw(announced)
        assert refusal.value.code == "lot_over"

    def test_L4_gives_every_deposit_back(self, announced, buyer, buyer_user):
        announced.admit(buyer, buyer_user)
        withdraw(announced)
        assert release_deposits(lot_id=announced.lot.pk) == 1
        assert Hold.objects.get(buyer=buyer).state == HoldState.REFUNDED

    def test_after_the_opening_is_the_operators(self, market):
        with pytest.raises(Refused) as refusal:
            withdraw(market)
        assert refusal.value.code == "bidding_opened"
        market.lot.refresh_from_db()
        assert market.lot.state == "open"
        assert cancel_lot(user=market.operator, lot_id=market.lot.pk, reason="x").is_over

    def test_at_an_opening_that_nobody_has_noticed_yet_is_too_late(self, announced, clock):
        clock.now = OPENING
        with pytest.raises(Refused, match="Bidding has opened"):
            withdraw(announced)
        announced.lot.refresh_from_db()
        assert announced.lot.state == "open", "what time brought is kept"

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
    def test_needs_a_reason(self, announced, reason):
        with pytest.raises(InvalidInput) as refusal:
            withdraw(announced, reason=reason)
        assert refusal.value.field == "reason"

    def test_is_the_sellers_approvers(self, announced, seller, make_user, operator, buyer_user):
        analyst = make_user("analyst@example.com", seller, Role.SELLER_ANALYST)
        for user in (analyst, operator, buyer_user):
            with pytest.raises(NotPermitted):
                withdraw(announced, user=user)

    def test_stands_first_in_the_log_or_not_at_all(self, market):
        with pytest.raises(IntegrityError, match="withdrawn_by_the_seller"):
            market.lot.events.create(  # behind the services
                seq=2, kind="cancelled", party="seller", reason=REASON, decided_at=OPENING
            )

    def test_A19_is_replayed_and_checked_from_the_protocol(self, announced):
        lot = withdraw(announced)
        check(protocol(lot))
        assert replay(lot).is_same

    def test_a_forged_withdrawal_after_the_opening_is_found(self, market):
        cancel_lot(user=market.operator, lot_id=market.lot.pk, reason=REASON)
        market.lot.refresh_from_db()
        document = protocol(market.lot)
        check(document)
        document["events"][1]["party"] = "seller"
        with pytest.raises(Broken, match="withdrawn by the seller after the opening"):
            check(chained_anew(document))


class TestPages:
    def test_the_approver_withdraws_and_everybody_reads_why(self, announced, as_user, buyer_user):
        client = as_user(announced.seller_user)
        page = reverse("auctions:detail", args=[announced.lot.pk])
        assert "Withdraw this lot" in client.get(page).content.decode()
        assert "Withdraw this lot" not in as_user(buyer_user).get(page).content.decode()
        act = reverse("auctions:withdraw", args=[announced.lot.pk])
        assert client.post(act, {"withdraw-reason": ""}).status_code == 422
        shown = client.post(act, {"withdraw-reason": REASON}, follow=True).content.decode()
        assert "Withdrawn by the seller" in shown
        assert "Withdraw this lot" not in shown
        notice = Client().get(announced.lot.announcement.get_absolute_url()).content.decode()
        assert "Withdrawn by the seller <time" in notice
        assert REASON in notice

    def test_another_seller_and_a_buyer_do_not(self, announced, as_user, buyer_user):
        act = reverse("auctions:withdraw", args=[announced.lot.pk])
        assert as_user(buyer_user).post(act, {"withdraw-reason": REASON}).status_code == 403

    def test_by_the_api(self, announced, as_user):
        client = as_user(announced.seller_user)
        act = reverse("v1:lot-withdraw", args=[announced.lot.pk])
        answer = client.post(act, {"reason": REASON}, content_type="application/json")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        again = client.post(act, {"reason": REASON}, content_type="application/json")
        assert (again.status_code, again.json()["code"]) == (409, "lot_over")
