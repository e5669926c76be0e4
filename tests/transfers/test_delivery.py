"""T2, T3, T6: who releases, who takes, what is in the file, and where its values never are."""

import csv
import hashlib
import io
import zipfile

import pyrage
import pytest

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.files import read_stored, store_bytes
from npa_market.common.models import StoredFile
from npa_market.evidence.models import Entry, Payload
from npa_market.packages.proofs import LEAVES, ROWS
from npa_market.parties.models import Membership
from npa_market.parties.roles import Role
from npa_market.tapes.models import Loan
from npa_market.tapes.personal_models import PersonalAccess
from npa_market.transfers.models import DealState, Delivery, PackageKey
from npa_market.transfers.package_keys import open_delivery
from npa_market.transfers.services import (
    confirm_receipt,
    erase_package_copies,
    exclude_loans,
    release_delivery,
    sign_contract,
    take_delivery,
)
from tests.transfers import deals
from tests.transfers.deals import (
    ID_NUMBER,
    MOBILE,
    NAME,
    awarded,
    contracted,
    delivered,
    opened_file,
    paid,
    pay,
    released,
    set_back,
)


def test_T6_one_person_does_not_release_twice(cast):
    deal = paid(cast)
    release_delivery(user=cast.approver, deal_id=deal.pk)
    with pytest.raises(Refused) as refused:
        release_delivery(user=cast.approver, deal_id=deal.pk)
    assert refused.value.code == "second_person"
    assert Delivery.objects.get().file is None


def test_T6_one_of_the_two_is_an_approver(cast, make_user):
    deal = paid(cast)
    one, other = (
        make_user(f"{name}@seller.example", cast.seller, Role.SELLER_ANALYST) for name in "ab"
    )
    release_delivery(user=one, deal_id=deal.pk)
    with pytest.raises(NotPermitted):
        release_delivery(user=other, deal_id=deal.pk)
    assert release_delivery(user=cast.approver, deal_id=deal.pk).file is not None


def test_T6_an_approver_may_be_the_first_of_the_two(cast, make_user):
    deal = paid(cast)
    analyst = make_user("a@seller.example", cast.seller, Role.SELLER_ANALYST)
    release_delivery(user=cast.approver, deal_id=deal.pk)
    assert release_delivery(user=analyst, deal_id=deal.pk).file is not None


@pytest.mark.parametrize("stage", [awarded, contracted])
def test_T2_no_release_before_contract_and_payment(cast, stage):
    deal = stage(cast)
    with pytest.raises(Refused) as refused:
        release_delivery(user=cast.analyst, deal_id=deal.pk)
    assert refused.value.code == "deal_state"
    assert not Delivery.objects.exists()


def test_T2_one_release_makes_no_file(cast):
    deal = paid(cast)
    files = StoredFile.objects.count()
    release_delivery(user=cast.analyst, deal_id=deal.pk)
    assert StoredFile.objects.count() == files
    with pytest.raises(Refused) as refused:
        take_delivery(user=cast.buyer_user, deal_id=deal.pk)
    assert refused.value.code == "not_released"


def test_T3_without_a_delivery_key_nothing_is_released_and_the_reason_is_named(cast):
    deal = paid(cast)
    cast.buyer.delivery_public_key = ""
    cast.buyer.save()
    with pytest.raises(Refused, match="no delivery key") as refused:
        release_delivery(user=cast.analyst, deal_id=deal.pk)
    assert refused.value.code == "no_delivery_key"


def test_T3_a_key_that_is_none_is_refused(cast):
    deal = paid(cast)
    cast.buyer.delivery_public_key = "age1nonsense"
    cast.buyer.save()
    with pytest.raises(Refused) as refused:
        release_delivery(user=cast.analyst, deal_id=deal.pk)
    assert refused.value.code == "delivery_key_unreadable"


def test_releasing_again_gives_the_same_file(cast):
    deal = released(cast)
    first = Delivery.objects.get().file_id
    assert release_delivery(user=cast.approver, deal_id=deal.pk).file_id == first
    assert Entry.objects.about(deal.pk).filter(type="deal.delivery_released").count() == 1


def test_T3_only_the_winners_key_opens_the_file_and_all_loans_are_in_it(cast):
    deal = released(cast)
    content = opened_file(cast, deal)
    assert hashlib.sha256(content).hexdigest() == deal.delivery.plain_sha256
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        loans = archive.read("loans.csv").decode().splitlines()
        receipts = archive.read("receipts.csv").decode().splitlines()
    assert len(loans) == 1 + 12
    assert loans[0].startswith("loan_token,loan_number,borrower,name,id_number,mobile,price,")
    assert sum(NAME in line and ID_NUMBER in line and MOBILE in line for line in loans) >= 1
    assert receipts[0] == "loan_token,month,gross,cost"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(open_delivery(deal.delivery).read(), [pyrage.x25519.Identity.generate()])


def test_values_in_the_file_are_those_that_the_seller_filed(cast, monkeypatch):
    monkeypatch.setattr(deals, "MOBILE", "+8613900001111")
    deal = released(cast)
    with zipfile.ZipFile(io.BytesIO(opened_file(cast, deal))) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("loans.csv").decode())))
    (person,) = [row for row in rows if row["id_number"] == ID_NUMBER]
    assert (person["name"], person["mobile"]) == (NAME, "+8613900001111")


def test_an_excluded_loan_is_not_in_the_file(cast):
    deal = awarded(cast)
    token = deal.loan_prices.first().token
    exclude_loans(user=cast.approver, deal_id=deal.pk, tokens=[token], reason="PAID")
    sign_contract(user=cast.approver, deal_id=deal.pk, organisation=cast.seller)
    pay(cast, sign_contract(user=cast.buyer_user, deal_id=deal.pk, organisation=cast.buyer))
    for user in (cast.analyst, cast.approver):
        release_delivery(user=user, deal_id=deal.pk)
    deal.refresh_from_db()
    with zipfile.ZipFile(io.BytesIO(opened_file(cast, deal))) as archive:
        text, rows = archive.read("loans.csv").decode(), archive.read(ROWS).decode()
        leaves = archive.read(LEAVES).decode()
    assert token not in text + rows
    assert len(text.splitlines()) == 1 + 11
    assert (len(rows.splitlines()), len(leaves.splitlines())) == (11, 12)


def test_the_winner_alone_takes_the_file(cast, other_buyer_user):
    deal = released(cast)
    for user in (cast.approver, cast.finance, other_buyer_user):
        with pytest.raises(NotPermitted):
            take_delivery(user=user, deal_id=deal.pk)
    assert Delivery.objects.get().downloads == 0


def test_T3_downloads_are_counted_logged_and_limited(cast):
    deal = released(cast)
    for number in range(1, 6):
        assert take_delivery(user=cast.buyer_user, deal_id=deal.pk).downloads == number
    with pytest.raises(Refused) as refused:
        take_delivery(user=cast.buyer_user, deal_id=deal.pk)
    assert refused.value.code == "download_limit"
    log = Entry.objects.about(deal.pk).filter(type="deal.delivery_downloaded")
    assert {entry.actor for entry in log} == {f"user:{cast.buyer_user.pk}"}
    assert log.count() == 5


@pytest.mark.parametrize(("days", "open_"), [(29, True), (30, False)])
def test_the_file_is_there_for_the_days_of_the_terms(cast, days, open_):
    deal = set_back(released(cast), days)
    if open_:
        assert take_delivery(user=cast.buyer_user, deal_id=deal.pk).downloads == 1
    else:
        with pytest.raises(Refused) as refused:
            take_delivery(user=cast.buyer_user, deal_id=deal.pk)
        assert refused.value.code == "download_over"


def test_a_receipt_by_the_right_hash_delivers_the_deal_once(cast):
    deal = delivered(cast)
    assert deal.state == DealState.DELIVERED
    again = confirm_receipt(
        user=cast.buyer_user, deal_id=deal.pk, sha256=f" {deal.delivery.plain_sha256.upper()}\n"
    )
    assert again.delivered_at == deal.delivered_at
    assert Entry.objects.about(deal.pk).filter(type="deal.delivered").count() == 1


@pytest.mark.parametrize("which", ["encrypted", "nothing", "text"])
def test_a_receipt_by_another_hash_is_refused(cast, which):
    deal = released(cast)
    wrong = {"encrypted": deal.delivery.file_id, "nothing": "", "text": "中文"}[which]
    with pytest.raises(Refused) as refused:
        confirm_receipt(user=cast.buyer_user, deal_id=deal.pk, sha256=wrong)
    assert (refused.value.code, refused.value.field) == ("hash_differs", "sha256")


def test_no_receipt_before_a_release(cast):
    deal = paid(cast)
    with pytest.raises(Refused) as refused:
        confirm_receipt(user=cast.buyer_user, deal_id=deal.pk, sha256="0" * 64)
    assert refused.value.code == "not_released"


def test_personal_values_reach_no_stored_file_in_the_clear_and_no_log_entry(cast):
    deal = delivered(cast)
    plants = [value.encode() for value in (NAME, ID_NUMBER, MOBILE)]
    for stored in StoredFile.objects.all():
        content = read_stored(stored.sha256)
        assert not [plant for plant in plants if plant in content]
    logged = "".join(str(row.body) for row in Payload.objects.all())
    logged += "".join(Entry.objects.values_list("canonical", flat=True))
    assert not [plant for plant in plants if plant.decode() in logged]
    assert deal.delivery.plain_sha256 in logged


def test_the_seller_reads_in_its_access_log_whose_identities_went_into_the_file(cast):
    deal = released(cast)
    release_delivery(user=cast.approver, deal_id=deal.pk)  # Again: no second line.
    line = PersonalAccess.objects.get()
    loans = Loan.objects.filter(pk__in=deal.loan_prices.values("loan"))
    assert line.people == loans.values("borrower").distinct().count() > 0
    assert (line.form, line.fields, line.loan) == ("delivery", "name,id_number,mobile", None)
    assert (line.user, line.tape, line.seller) == (cast.approver, loans[0].tape, cast.seller)
    assert line.reason == f"Delivery file of {deal.reference}"


def test_the_kept_file_opens_with_the_packages_key_before_the_buyers(cast):
    deal = released(cast)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(read_stored(deal.delivery.file_id), [cast.identity])
    taken = open_delivery(deal.delivery).read()
    assert hashlib.sha256(taken).hexdigest() == deal.delivery.sha256 != deal.delivery.file_id
    assert "AGE-SECRET-KEY" not in PackageKey.objects.get().wrapped


WHY = "Retention of 30 days is over"


def test_erased_copies_open_no_more_and_the_log_says_what_was_lost(
    cast, django_capture_on_commit_callbacks
):
    deal = delivered(cast)
    kept = read_stored(deal.delivery.file_id)
    wrapped = PackageKey.objects.get().wrapped
    with django_capture_on_commit_callbacks(execute=True):
        erased = erase_package_copies(user=cast.approver, deal_id=deal.pk, reason=WHY)
    assert (erased.files, erased.loans) == (1, 12)
    key = PackageKey.objects.get()
    assert (key.wrapped, key.erased_at is not None) == ("", True)
    with pytest.raises(FileNotFoundError):
        read_stored(deal.delivery.file_id)
    store_bytes(kept)  # A backup brings the file back, not its key.
    with pytest.raises(Refused) as refused:
        take_delivery(user=cast.buyer_user, deal_id=deal.pk)
    assert refused.value.code == "copies_erased"
    assert Delivery.objects.get().downloads == 0
    entry = Entry.objects.about(deal.pk).select_related("payload").last()
    assert entry.type == "deal.copies_erased"
    assert (entry.payload.body["reason"], entry.payload.body["loans"]) == (WHY, 12)
    assert wrapped not in entry.canonical
    again = erase_package_copies(user=cast.approver, deal_id=deal.pk, reason=WHY)
    assert (again.files, again.loans) == (0, 0)


@pytest.mark.parametrize(("days", "erases"), [(29, False), (30, True)])
def test_copies_are_not_erased_while_the_buyer_may_still_take_them(cast, days, erases):
    deal = set_back(released(cast), days)
    if erases:
        assert erase_package_copies(user=cast.approver, deal_id=deal.pk, reason=WHY).files == 1
    else:
        with pytest.raises(Refused) as refused:
            erase_package_copies(user=cast.approver, deal_id=deal.pk, reason=WHY)
        assert refused.value.code == "delivery_open"


def test_an_approver_of_the_seller_erases_with_a_reason(cast, make_user):
    deal = delivered(cast)
    analyst = make_user("a@seller.example", cast.seller, Role.SELLER_ANALYST)
    for user in (analyst, cast.buyer_user, cast.finance):
        with pytest.raises(NotPermitted):
            erase_package_copies(user=user, deal_id=deal.pk, reason=WHY)
    with pytest.raises(Refused) as refused:
        erase_package_copies(user=cast.approver, deal_id=deal.pk, reason="short")
    assert (refused.value.code, refused.value.field) == ("reason_needed", "reason")


def test_a_person_who_left_takes_nothing(cast):
    deal = released(cast)
    Membership.objects.filter(user=cast.buyer_user).update(is_active=False)
    user = type(cast.buyer_user).objects.get(pk=cast.buyer_user.pk)
    with pytest.raises(NotPermitted):
        take_delivery(user=user, deal_id=deal.pk)
