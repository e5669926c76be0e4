"""A sale whose deal was cancelled: the package is its seller's again, the lot's record stays."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from npa_market.auctions.models import Lot, LotState, SaleEvent
from npa_market.auctions.protocol import protocol
from npa_market.auctions.replay import replay
from npa_market.auctions.rows import terms_of
from npa_market.auctions.services import advance_lot, announce_lot, place_bid, release_sold_lot
from npa_market.common.clock import database_now
from npa_market.common.errors import NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.packages.services import new_version, withdraw_package
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.services import DepositFate, award_deal, cancel_deal
from tests.builders import announced_lot, open_lot_with_bidders, sealed_package
from tests.transfers.deals import awarded, contracted, make_lot, paid

pytestmark = pytest.mark.django_db
PRICE = 1_500_000


def cancelled(cast, deal: Deal) -> Lot:
    """The lot of a deal that the operator cancels."""
    reason = "The buyer did not sign"
    cancel_deal(user=cast.finance, deal_id=deal.pk, reason=reason, deposit=DepositFate.REFUND)
    return Lot.objects.select_related("package").get(pk=deal.lot_id)


def offered(cast) -> Lot:
    """A lot whose end stands whenever the bid comes, so that it may be moved and replayed."""
    package = sealed_package(cast.analyst, cast.approver, count=12)
    return announced_lot(cast.analyst, cast.approver, package, window_seconds=0)


def sold(cast, lot: Lot) -> Deal:
    """The lot bid for, ended and awarded; its end is moved, for no test waits for it."""
    lot = open_lot_with_bidders(lot, cast.finance, [(cast.buyer, cast.buyer_user)])
    bid = {"user": cast.buyer_user, "buyer": cast.buyer, "amount_minor": PRICE}
    assert not place_bid(lot_id=lot.pk, request_id=uuid4(), **bid).refusal
    now = database_now()
    Lot.objects.filter(pk=lot.pk).update(first_end_at=now, ends_at=now)
    assert advance_lot(lot_id=lot.pk).state == LotState.SOLD
    return award_deal(lot_id=lot.pk)


def again(cast, lot: Lot, **changes: object) -> Lot:
    now = database_now()
    terms = replace(
        terms_of(lot),
        registration_ends_at=now + timedelta(minutes=1),
        opens_at=now + timedelta(minutes=2),
        ends_at=now + timedelta(hours=1),
        hard_end_at=now + timedelta(hours=2),
    )
    values = {"package_id": lot.package_id, "title": lot.title, "terms": terms}
    return announce_lot(user=cast.approver, reannounces=lot.pk, **(values | changes))


def code_of(act, *args, **kwargs) -> str:
    with pytest.raises(Refused) as refusal, transaction.atomic():
        act(*args, **kwargs)
    return refusal.value.code


class TestPath:
    def test_O2_sold_cancelled_announced_again_opened_and_sold_again(self, cast):
        deal = sold(cast, offered(cast))
        record = protocol(deal.lot)
        lot = cancelled(cast, deal)
        assert (lot.state, lot.winner, lot.hammer_minor) == (LotState.SOLD, cast.buyer, PRICE)
        assert protocol(lot) == record
        assert replay(lot).is_same
        later = again(cast, lot)
        assert later.announcement.document["follows_lot"]["result"] == "deal_cancelled"
        assert code_of(again, cast, lot) == "package_taken"
        second = sold(cast, later)
        assert (second.lot.reannounces, second.state) == (lot, DealState.AWARDED)
        assert Lot.objects.binding().get() == second.lot

    def test_the_lot_tells_and_its_seller_is_offered_to_announce_it_again(self, cast, as_user):
        deal = sold(cast, offered(cast))
        page = reverse("auctions:detail", args=[deal.lot_id])
        link = f"{reverse('auctions:new')}?reannounces={deal.lot_id}"
        assert link not in as_user(cast.approver).get(page).content.decode()
        lot = cancelled(cast, deal)
        shown = as_user(cast.approver).get(page).content.decode()
        assert "then the deal was cancelled" in shown
        assert "Contract</li>" not in shown
        assert f"The package {lot.package} is free again: you may announce it again." in shown
        assert link in shown
        form = as_user(cast.approver).get(link).context["form"]
        assert lot.package in form.fields["package"].queryset
        assert form["package"].value() == lot.package_id
        for user in (cast.buyer_user, cast.finance):
            shown = as_user(user).get(page).content.decode()
            assert "then the deal was cancelled" in shown
            assert "The contract comes next" not in shown
            assert link not in shown
        deal_page = reverse("transfers:detail", args=[lot.deal.pk])
        assert f"The package {lot.package} is free" in (
            as_user(cast.approver).get(deal_page).content.decode()
        )
        listed = as_user(cast.approver).get(reverse("auctions:list")).content.decode()
        assert "Deal cancelled" in listed
        told = as_user(cast.buyer_user).get(reverse("v1:lot-detail", args=[lot.pk])).json()
        assert (told["state"], bool(told["released_at"])) == ("sold", True)
        later = again(cast, lot)
        notice = as_user(cast.buyer_user).get(later.announcement.get_absolute_url())
        assert "was sold in a deal that was cancelled" in notice.content.decode()


class TestBond:
    @pytest.mark.parametrize("stage", [awarded, contracted, paid])
    def test_O2_a_live_deal_binds_its_package(self, cast, as_user, stage):
        lot = stage(cast).lot
        other = sealed_package(cast.analyst, cast.approver, count=3, seed=2)
        assert code_of(again, cast, lot) == "package_taken"
        assert code_of(again, cast, lot, package_id=other.pk) == "lot_not_ended"
        act = {"user": cast.analyst, "package_id": lot.package_id}
        assert code_of(withdraw_package, reason="Changed plans", **act) == "package_bound"
        assert code_of(new_version, **act) == "package_bound"
        with pytest.raises(IntegrityError), transaction.atomic():
            make_lot(cast, lot.package)
        free = as_user(cast.approver).get(reverse("auctions:new")).context["form"]
        assert list(free.fields["package"].queryset) == [other]

    def test_O2_a_cancelled_deal_frees_for_a_new_version_and_for_withdrawal(self, cast):
        lot = cancelled(cast, contracted(cast))
        act = {"user": cast.analyst, "package_id": lot.package_id}
        draft = new_version(**act)
        assert draft.previous_id == lot.package_id
        withdraw_package(user=cast.analyst, package_id=draft.pk, reason="Changed plans")

    def test_O2_of_an_event_the_package_of_the_cancelled_deal_alone_is_free(self, cast, as_user):
        event = SaleEvent.objects.create(
            reference="EVT-1", seller=cast.seller, title="Two regions", currency="CNY",
            created_by=cast.approver, announced_at=database_now(),
        )  # fmt: skip
        lots = [
            make_lot(
                cast, sealed_package(cast.analyst, cast.approver, count=3, seed=place),
                format="sealed", sale_event=event, event_place=place, bids=0, leader=None,
                leading_minor=None, whole_start_minor=100_000_001 if place == 1 else None,
            )
            for place in (1, 2)
        ]  # fmt: skip
        deals = [award_deal(lot_id=lot.pk) for lot in lots]
        cancelled(cast, deals[1])
        assert list(Lot.objects.binding()) == lots[:1]
        assert [lot.is_free_again for lot in Lot.objects.order_by("event_place")] == [False, True]
        assert Deal.objects.get(pk=deals[0].pk).state == DealState.AWARDED


class TestRelease:
    def test_is_one_entry_however_often_it_is_asked_for(self, cast):
        lot = cancelled(cast, awarded(cast))
        assert release_sold_lot(user=cast.finance, lot_id=lot.pk).released_at == lot.released_at
        cancelled(cast, lot.deal)
        (entry,) = Entry.objects.about(lot.pk).filter(type="lot.sale_released")
        assert entry.payload.body == {"lot": lot.reference, "package": lot.package.reference}
        assert entry.actor == f"user:{cast.finance.pk}"

    def test_is_the_venues_act_on_a_sold_lot(self, cast):
        lot = awarded(cast).lot
        for user in (cast.approver, cast.buyer_user):
            with pytest.raises(NotPermitted):
                release_sold_lot(user=user, lot_id=lot.pk)
        package = sealed_package(cast.analyst, cast.approver, count=3, seed=2)
        unsold = make_lot(cast, package, state=LotState.UNSOLD, winner=None)
        assert code_of(release_sold_lot, user=cast.finance, lot_id=unsold.pk) == "lot_not_sold"
        with pytest.raises(IntegrityError, match="O2_only_a_sale_is_released"):
            Lot.objects.filter(pk=unsold.pk).update(released_at=database_now())
