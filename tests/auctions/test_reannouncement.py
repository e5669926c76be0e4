"""An unsold or cancelled lot is announced again as a new one."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from npa_market.auctions.models import Lot, LotFormat
from npa_market.auctions.services import announce_lot, withdraw_lot
from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.money import format_minor
from npa_market.evidence.models import Entry
from npa_market.packages.models import Package, PackageState
from tests.auctions.conftest import END, MORNING, RESERVE, START, terms

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NEW_DATES = {
    "registration_ends_at": MORNING + DAY,
    "opens_at": MORNING + DAY,
    "ends_at": END + DAY,
    "hard_end_at": END + DAY,
}


@pytest.fixture
def ended(announced) -> Lot:
    return withdraw_lot(
        user=announced.seller_user, lot_id=announced.lot.pk, reason="A question of title"
    )


def again(ended, **changes) -> Lot:
    changes = {
        "user": ended.created_by,
        "package_id": ended.package_id,
        "title": ended.title,
        "terms": terms(**NEW_DATES),
        "reannounces": ended.pk,
        **changes,
    }
    return announce_lot(**changes)


def code_of(act) -> str:
    with pytest.raises(Refused) as refusal, transaction.atomic():
        act()
    return refusal.value.code


class TestReannouncement:
    def test_is_a_lot_of_its_own_that_names_the_one_before(self, ended):
        lot = again(ended)
        assert (lot.reannounces, lot.follows, lot.state) == (ended, ended, "announced")
        assert lot.announcement.document["follows_lot"] == {
            "lot": ended.reference,
            "result": "cancelled",
            "loans_out": 0,
            "loans_in": 0,
        }
        assert "follows_lot" not in ended.announcement.document
        (entry,) = Entry.objects.about(lot.pk).filter(type="lot.announced")
        assert entry.payload.body["reannounces"] == ended.reference

    def test_of_a_lot_that_time_ended_unsold(self, announced, clock):
        clock.now = END
        unsold = announced.advance()
        assert unsold.state == "unsold"
        assert again(unsold).announcement.document["follows_lot"]["result"] == "unsold"

    def test_once_only_and_in_the_database_too(self, ended, seller_user):
        lot = again(ended)
        withdraw_lot(user=seller_user, lot_id=lot.pk, reason="Dates")
        assert code_of(lambda: again(ended)) == "reannounced_already"
        lot.refresh_from_db()
        lot.pk, lot.reference = uuid4(), "LOT-X"
        with pytest.raises(IntegrityError, match="reannounce"), transaction.atomic():
            lot.save(force_insert=True)
        assert again(Lot.objects.exclude(pk=ended.pk).get()).follows.reannounces == ended

    def test_not_of_a_lot_that_runs_or_was_sold(self, announced, market, clock):
        assert code_of(lambda: again(announced.lot)) == "package_taken"
        market.bid(0, RESERVE)
        clock.now = END
        sold = market.advance()
        other = copy_of(sold.package)
        assert code_of(lambda: again(sold, package_id=other.pk)) == "lot_not_ended"

    def test_O2_the_package_is_the_same_or_a_later_version(self, ended):
        stranger = copy_of(ended.package)
        assert code_of(lambda: again(ended, package_id=stranger.pk)) == "other_package"

    def test_not_of_another_sellers_lot(self, ended, buyer):
        assert code_of(lambda: again(ended, reannounces=uuid4())) == "unknown_lot"
        own = copy_of(ended.package)
        Package.objects.filter(pk=ended.package_id).update(seller=buyer)
        assert code_of(lambda: again(ended, package_id=own.pk)) == "unknown_lot"

    def test_by_the_sellers_approver(self, ended, operator):
        with pytest.raises(NotPermitted):
            again(ended, user=operator)

    def test_does_not_tell_of_a_negotiation(self, announced, ended, buyer):
        Lot.objects.filter(pk=ended.pk).update(format=LotFormat.NEGOTIATED, invited=buyer)
        ended.refresh_from_db()
        lot = again(ended)
        assert (lot.reannounces, lot.follows) == (ended, None)
        assert "follows_lot" not in lot.announcement.document


def copy_of(package: Package) -> Package:
    copy = Package.objects.get(pk=package.pk)
    copy.pk, copy.reference = uuid4(), f"PKG-{uuid4().hex[:12]}"
    copy.state = PackageState.SEALED
    copy.save(force_insert=True)
    return copy


class TestPages:
    def test_from_the_page_of_the_lot_with_its_terms(self, ended, as_user, buyer_user):
        client = as_user(ended.created_by)
        page = reverse("auctions:detail", args=[ended.pk])
        link = f"{reverse('auctions:new')}?reannounces={ended.pk}"
        assert link in client.get(page).content.decode()
        assert link not in as_user(buyer_user).get(page).content.decode()
        form = client.get(link).context["form"]
        assert form["start_price"].value() == format_minor(START, "CNY")
        assert form["reserve"].value() == format_minor(RESERVE, "CNY")
        assert form["opens_at"].value() is None
        typed = {name: form[name].value() or "" for name in form.fields}
        typed |= {name: f"{when:%Y-%m-%dT%H:%M}" for name, when in NEW_DATES.items()}
        typed["invitees"] = []
        done = client.post(link, typed, follow=True)
        lot = Lot.objects.get(reannounces=ended)
        assert f"{lot} is announced" in done.content.decode()
        assert (lot.start_price_minor, lot.reserve_minor) == (START, RESERVE)
        assert f'Follows <a href="{page}">{ended}</a>' in done.content.decode()
        shown = client.get(page).content.decode()
        assert f">{lot}</a>" in shown
        assert link not in shown
        notice = Client().get(lot.announcement.get_absolute_url()).content.decode()
        assert f"follows {escape(ended.reference)}, which was cancelled" in notice

    @pytest.mark.parametrize("named", ["x", "0198a5f0-0000-7000-8000-000000000001"])
    def test_an_unknown_lot_is_404(self, ended, as_user, named):
        answer = as_user(ended.created_by).get(reverse("auctions:new"), {"reannounces": named})
        assert answer.status_code == 404

    def test_by_the_api(self, ended, as_user):
        body = {
            "package": str(ended.package_id), "title": "Again", "reannounces": str(ended.pk),
            "start_price_minor": START, "step_minor": 1, "deposit_minor": 1,
            **{name: when.isoformat() for name, when in NEW_DATES.items()},
        }  # fmt: skip
        client = as_user(ended.created_by)
        answer = client.post(reverse("v1:lot-list"), body, content_type="application/json")
        assert (answer.status_code, answer.json()["reannounces"]) == (201, str(ended.pk))
        shown = client.get(reverse("v1:lot-detail", args=[ended.pk])).json()
        assert shown["reannounces"] is None
