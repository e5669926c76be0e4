"""A file that its buyer can no longer take or open is released again, by two, under a new key."""

from importlib import import_module

import pyrage
import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.urls import reverse

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.files import read_stored, store_bytes
from npa_market.common.models import Job
from npa_market.evidence.models import Entry
from npa_market.parties.roles import Role
from npa_market.tapes.personal_models import PersonalAccess
from npa_market.transfers import views
from npa_market.transfers.models import DealState, Delivery, PackageKey
from npa_market.transfers.package_keys import open_delivery
from npa_market.transfers.services import (
    confirm_receipt,
    erase_package_copies,
    release_delivery,
    release_delivery_again,
    take_delivery,
)
from tests.transfers.deals import (
    delivered,
    opened_file,
    paid,
    ran_out,
    released,
    released_again,
    set_back,
)

pytestmark = pytest.mark.django_db
TAKEN_OUT = 5


def code_of(act, **arguments) -> str:
    with pytest.raises(Refused) as refusal, transaction.atomic():
        act(**arguments)
    return refusal.value.code


def over(cast):
    return ran_out(cast)


def taken_too_often(cast):
    deal = released(cast)
    deal.deliveries.update(downloads=TAKEN_OUT)
    return deal


def erased(cast):
    deal = ran_out(cast)
    erase_package_copies(user=cast.approver, deal_id=deal.pk, reason="Retention is over")
    return deal


def key_lost(cast):
    """The buyer lost its key and entered another; the test holds the new one."""
    deal = released(cast)
    object.__setattr__(cast, "identity", pyrage.x25519.Identity.generate())
    cast.buyer.delivery_public_key = str(cast.identity.to_public())
    cast.buyer.save()
    return deal


STOOD_STILL = {
    over: "download_over",
    taken_too_often: "download_limit",
    erased: "copies_erased",
    key_lost: "other_delivery_key",
}


@pytest.mark.parametrize(("stage", "because"), STOOD_STILL.items())
def test_T2_two_people_release_again_and_the_buyer_takes_opens_and_receipts(
    cast, stage, because, django_capture_on_commit_callbacks
):
    deal = stage(cast)
    old = deal.delivery
    with django_capture_on_commit_callbacks(execute=True):
        deal = released_again(cast, deal)
    new = deal.delivery
    assert (new.number, new.downloads, new.receipted_at) == (2, 0, None)
    assert new.released_at > old.released_at
    assert new.file_id != old.file_id
    assert new.key_id != old.key_id
    with pytest.raises(FileNotFoundError):
        read_stored(old.file_id)
    opened_file(cast, deal)
    confirm_receipt(user=cast.buyer_user, deal_id=deal.pk, sha256=new.plain_sha256)
    deal.refresh_from_db()
    assert deal.state == DealState.DELIVERED
    log = Entry.objects.about(deal.pk).filter(type__startswith="deal.delivery_re")
    assert [entry.type.removeprefix("deal.delivery_") for entry in log] == [
        "released_first", "released", "released_first", "replaced", "released",
    ]  # fmt: skip
    replaced = log.get(type="deal.delivery_replaced").payload.body
    assert replaced["because"] == because
    assert (replaced["delivery"], replaced["replaced_by"]) == (str(old.pk), str(new.pk))
    assert (replaced["key"], replaced["kept_sha256"]) == (str(old.key_id), old.file_id)


def test_the_file_before_opens_no_more_even_from_a_backup(cast):
    deal = ran_out(cast)
    old, wrapped = deal.delivery, PackageKey.objects.get().wrapped
    kept = read_stored(old.file_id)
    released_again(cast, deal)
    store_bytes(kept)
    old.refresh_from_db()
    assert (old.key.wrapped, old.key.erased_at is not None) == ("", True)
    with pytest.raises(Refused) as refused:
        open_delivery(old)
    assert refused.value.code == "copies_erased"
    assert PackageKey.objects.filter(erased_at=None).get().wrapped != wrapped


def test_an_old_offer_of_the_file_says_that_a_newer_one_replaces_it(cast, as_user):
    deal = ran_out(cast)
    seen = deal.delivery.sha256
    deal = released_again(cast, deal)
    act = {"user": cast.buyer_user, "deal_id": deal.pk}
    assert code_of(take_delivery, file_sha256=seen, **act) == "delivery_replaced"
    client = as_user(cast.buyer_user)
    page = client.post(reverse("transfers:take", args=[deal.pk]), {"file_sha256": seen})
    assert page.status_code == 409
    assert "A newer delivery replaces this file" in page.content.decode()
    told = client.post(f"/api/v1/deals/{deal.pk}/file/", {"file_sha256": seen})
    assert (told.status_code, told.json()["code"]) == (409, "delivery_replaced")
    assert Delivery.objects.get(number=2).downloads == 0
    assert take_delivery(file_sha256=deal.delivery.sha256, **act).downloads == 1


class TestWho:
    def test_T6_two_different_people_one_an_approver(self, cast, make_user):
        act = {"deal_id": ran_out(cast).pk}
        one, other = (
            make_user(f"{name}@seller.example", cast.seller, Role.SELLER_ANALYST) for name in "ab"
        )
        release_delivery_again(user=one, **act)
        assert code_of(release_delivery_again, user=one, **act) == "second_person"
        with pytest.raises(NotPermitted):
            release_delivery_again(user=other, **act)
        assert Delivery.objects.in_force().get().number == 1
        assert release_delivery_again(user=cast.approver, **act).number == 2

    def test_T6_neither_buyer_nor_venue(self, cast):
        deal = ran_out(cast)
        for user in (cast.buyer_user, cast.finance):
            with pytest.raises(NotPermitted):
                release_delivery_again(user=user, deal_id=deal.pk)

    def test_the_sellers_access_log_has_a_line_for_each_release(self, cast):
        deal = released_again(cast, ran_out(cast))
        reasons = PersonalAccess.objects.order_by("pk").values_list("reason", flat=True)
        first = f"Delivery file of {deal.reference}"
        assert list(reasons) == [first, f"{first}, release 2"]


class TestWhen:
    def test_not_while_the_buyer_can_take_and_open_the_file(self, cast):
        act = {"user": cast.approver, "deal_id": set_back(released(cast), 29).pk}
        assert code_of(release_delivery_again, **act) == "delivery_open"

    def test_not_before_the_first_release(self, cast):
        act = {"user": cast.approver, "deal_id": paid(cast).pk}
        assert code_of(release_delivery_again, **act) == "not_released"

    def test_not_after_the_receipt(self, cast):
        deal = set_back(delivered(cast), 30)
        act = {"user": cast.approver, "deal_id": deal.pk}
        assert code_of(release_delivery_again, **act) == "deal_state"

    def test_a_receipt_between_the_two_releases_ends_it(self, cast):
        deal = ran_out(cast)
        release_delivery_again(user=cast.analyst, deal_id=deal.pk)
        sha256 = deal.delivery.plain_sha256
        confirm_receipt(user=cast.buyer_user, deal_id=deal.pk, sha256=sha256)
        act = {"user": cast.approver, "deal_id": deal.pk}
        assert code_of(release_delivery_again, **act) == "deal_state"
        assert Delivery.objects.in_force().get().number == 1

    def test_asked_for_twice_it_is_done_once(self, cast):
        deal = released_again(cast, ran_out(cast))
        for act in (release_delivery_again, release_delivery):
            for user in (cast.analyst, cast.approver):
                assert act(user=user, deal_id=deal.pk) == deal.delivery
        assert Delivery.objects.count() == PackageKey.objects.count() == 2
        log = Entry.objects.about(deal.pk)
        assert log.filter(type="deal.delivery_released").count() == 2

    def test_it_may_run_out_and_be_released_a_third_time(self, cast):
        deal = released_again(cast, set_back(released_again(cast, ran_out(cast)), 30))
        assert deal.delivery.number == 3
        assert PackageKey.objects.filter(erased_at=None).get() == deal.delivery.key

    def test_the_database_holds_one_in_force_one_waiting_and_one_live_key(self, cast):
        deal = ran_out(cast)
        release_delivery_again(user=cast.analyst, deal_id=deal.pk)
        one = deal.delivery
        waiting = Delivery.objects.get(file=None)
        for row in (one, waiting):
            twin = Delivery(
                deal=deal, number=9, file=row.file, first_release_by=cast.analyst,
                second_release_by=cast.approver if row.file_id else None,
            )  # fmt: skip
            with pytest.raises(IntegrityError), transaction.atomic():
                twin.save()
        with pytest.raises(IntegrityError), transaction.atomic():
            PackageKey.objects.create(
                package=deal.lot.package, wrapped="x", created_at=one.released_at
            )


class TestPages:
    def page(self, as_user, deal, user) -> str:
        return as_user(user).get(reverse("transfers:detail", args=[deal.pk])).content.decode()

    def test_both_sides_read_days_and_downloads_left(self, cast, as_user):
        deal = set_back(released(cast), 12)
        take_delivery(user=cast.buyer_user, deal_id=deal.pk)
        for user in (cast.buyer_user, cast.approver):
            text = self.page(as_user, deal, user)
            assert "18 days left" in text
            assert "1 of 5 times, 4 left" in text
            assert "Release again" not in text
        assert "Take the encrypted file" in self.page(as_user, deal, cast.buyer_user)

    @pytest.mark.parametrize("stage", [over, taken_too_often, erased])
    def test_a_file_that_ran_out_is_offered_to_nobody_in_the_words_of_the_service(
        self, cast, as_user, stage
    ):
        deal = stage(cast)
        with pytest.raises(Refused) as refused:
            take_delivery(user=cast.buyer_user, deal_id=deal.pk)
        assert refused.value.code == STOOD_STILL[stage]
        words, remedy = refused.value.message.split(". ", 1)
        for user in (cast.buyer_user, cast.approver, cast.finance):
            text = self.page(as_user, deal, user)
            assert words in text
            assert remedy in text
            assert "Take the encrypted file" not in text
            assert ("Release again as the first person" in text) == (user == cast.approver)
        home = as_user(cast.approver).get("/").content.decode()
        assert f"Release the delivery of {deal.reference} again" in home

    def test_released_on_the_page_and_told_to_both_sides(self, cast, as_user):
        deal = ran_out(cast)
        address = reverse("transfers:release_again", args=[deal.pk])
        assert as_user(cast.analyst).post(address).status_code == 302
        assert "One person has released it again" in self.page(as_user, deal, cast.buyer_user)
        assert "Release again as the second person" in self.page(as_user, deal, cast.approver)
        assert "Release again as" not in self.page(as_user, deal, cast.analyst)
        assert as_user(cast.approver).post(address).status_code == 302
        for user in (cast.buyer_user, cast.approver):
            text = self.page(as_user, deal, user)
            assert "Released again" in text
            assert "Released before" in text
            assert "30 days left" in text
        assert "Take the encrypted file" in self.page(as_user, deal, cast.buyer_user)

    def test_a_buyer_with_another_key_reads_it_and_may_still_take_the_file(self, cast, as_user):
        text = self.page(as_user, key_lost(cast), cast.buyer_user)
        assert "a delivery key that the buyer has replaced" in text
        assert "Take the encrypted file" in text

    def test_a_large_file_is_made_by_a_worker(
        self, cast, as_user, monkeypatch, django_capture_on_commit_callbacks
    ):
        monkeypatch.setattr(views, "RELEASED_AT_ONCE", 1)
        deal = ran_out(cast)
        for user in (cast.analyst, cast.approver):
            with django_capture_on_commit_callbacks(execute=True):
                as_user(user).post(reverse("transfers:release_again", args=[deal.pk]))
        assert Job.objects.get(kind="delivery_release").state == "done"
        assert deal.delivery.number == 2

    def test_by_the_api(self, cast, as_user):
        deal = paid(cast)
        address = f"/api/v1/deals/{deal.pk}/delivery/"
        early = as_user(cast.approver).get(address)
        assert (early.status_code, early.json()["code"]) == (409, "not_released")
        for user in (cast.analyst, cast.approver):
            release_delivery(user=user, deal_id=deal.pk)
        set_back(deal, 30)
        told = as_user(cast.buyer_user).get(address).json()
        assert (told["number"], told["fault"], told["downloads_left"]) == (1, "download_over", 5)
        for user in (cast.analyst, cast.approver):
            answer = as_user(user).post(f"/api/v1/deals/{deal.pk}/release-again/")
            assert answer.status_code == 200
        told = as_user(cast.buyer_user).get(address).json()
        assert (told["number"], told["fault"]) == (2, "")
        assert told["file_sha256"] == deal.delivery.sha256


def test_the_migration_names_the_key_of_each_file_that_has_one(cast):
    deal = released(cast)
    key = deal.delivery.key
    name = "npa_market.transfers.migrations.0003_key_of_each_delivery"
    for taken_sha256, named in ((deal.delivery.taken_sha256, key), ("", None)):
        Delivery.objects.update(key=None, taken_sha256=taken_sha256)
        import_module(name).name_keys(apps, None)
        assert deal.delivery.key == named
