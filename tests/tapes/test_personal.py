"""Identities in full: for a reason, logged, limited; and gone for good once the key is."""

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import open_stored
from npa_market.evidence.models import Entry
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.parties.roles import Role
from npa_market.tapes import outside, revealing
from npa_market.tapes.models import Borrower, Loan
from npa_market.tapes.personal_models import AccessForm, DataKey, PersonalAccess
from npa_market.tapes.queries import masked_person, person_of
from npa_market.tapes.revealing import erase_identities, erasure_of, reveal_borrower
from npa_market.tapes.vault import KeyGone
from tests.tapes.conftest import ROW
from tests.tapes.test_import import OTHER_ID

REASON = "Letter came back, checking the name"


@pytest.fixture
def tape(imported_rows):
    return imported_rows({}, {"身份证号": OTHER_ID, "姓名": "诸葛明"})


@pytest.fixture
def loan(tape):
    return Loan.objects.get(loan_number="L-1")


def test_a_reason_shows_one_borrower_and_leaves_a_line_without_values(loan, seller_user, tape):
    person = reveal_borrower(user=seller_user, loan_id=loan.pk, reason=f"  {REASON}\n")
    assert (person.name, person.id_number) == (ROW["姓名"], ROW["身份证号"])
    line = PersonalAccess.objects.get()
    assert (line.user, line.loan, line.tape) == (seller_user, loan.pk, tape)
    assert (line.reason, line.form, line.people) == (REASON, AccessForm.REVEAL, 1)
    assert line.fields == "name,id_number,mobile"
    entry = Entry.objects.about(tape.pk).select_related("payload").last()
    assert entry.type == "borrower.revealed"
    kept = str(vars(line)) + str(entry.payload.body) + entry.canonical
    assert not any(ROW[name] in kept for name in ("姓名", "身份证号", "手机号"))


@pytest.mark.parametrize(
    ("length", "is_taken"), [(9, False), (10, True), (300, True), (301, False)]
)
def test_a_reason_has_ten_to_three_hundred_characters(length, is_taken, loan, seller_user):
    if is_taken:
        reveal_borrower(user=seller_user, loan_id=loan.pk, reason="x" * length)
    else:
        with pytest.raises(InvalidInput):
            reveal_borrower(user=seller_user, loan_id=loan.pk, reason="x" * length)
    assert PersonalAccess.objects.count() == is_taken


def test_only_the_sellers_analyst_reveals(loan, approver, stranger, buyer_user, operator):
    for other in (approver, stranger, buyer_user, operator):
        with pytest.raises(NotPermitted):
            reveal_borrower(user=other, loan_id=loan.pk, reason=REASON)
    assert not PersonalAccess.objects.exists()


def test_the_limit_per_hour_counts_each_person(loan, seller_user, make_user, seller, monkeypatch):
    monkeypatch.setattr(revealing, "REVEALS_PER_HOUR", 2)
    for _ in range(2):
        reveal_borrower(user=seller_user, loan_id=loan.pk, reason=REASON)
    with pytest.raises(Refused, match="within the hour"):
        reveal_borrower(user=seller_user, loan_id=loan.pk, reason=REASON)
    colleague = make_user("colleague@example.com", seller, Role.SELLER_ANALYST)
    reveal_borrower(user=colleague, loan_id=loan.pk, reason=REASON)
    assert PersonalAccess.objects.count() == 3


def test_lines_of_the_log_are_never_changed_or_deleted(loan, seller_user):
    reveal_borrower(user=seller_user, loan_id=loan.pk, reason=REASON)
    for act in (
        lambda: PersonalAccess.objects.update(reason="another"),
        lambda: PersonalAccess.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


def test_the_page_shows_the_borrower_once_and_never_by_its_address(loan, as_user, seller_user):
    client, url = as_user(seller_user), reverse("tapes:loan", args=[loan.tape_id, loan.pk])
    page = client.get(url).content.decode()
    assert "张*" in page
    assert ROW["身份证号"] not in page
    short = client.post(url, {"reason": "why"})
    assert (short.status_code, ROW["身份证号"] in short.content.decode()) == (422, False)
    answer = client.post(url, {"reason": REASON})
    assert ROW["身份证号"] in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert ROW["身份证号"] not in client.get(url).content.decode()
    log = client.get(reverse("tapes:access_log")).content.decode()
    assert REASON in log
    export = client.get(reverse("tapes:access_log"), {"export": "csv"}).getvalue().decode()
    assert REASON in export


def test_nobody_elses_log_or_loan_is_seen(loan, as_user, seller_user, stranger):
    reveal_borrower(user=seller_user, loan_id=loan.pk, reason=REASON)
    client = as_user(stranger)
    assert REASON not in client.get(reverse("tapes:access_log")).content.decode()
    url = reverse("tapes:loan", args=[loan.tape_id, loan.pk])
    assert client.post(url, {"reason": REASON}).status_code == 404


def test_the_api_reveals_logs_and_refuses(loan, as_user, seller_user):
    client, url = as_user(seller_user), f"/api/v1/tapes/{loan.tape_id}/"
    shown = client.post(f"{url}reveal/", {"loan": str(loan.pk), "reason": REASON})
    assert shown.json()["id_number"] == ROW["身份证号"]
    assert client.post(f"{url}reveal/", {"loan": str(loan.pk), "reason": "x"}).status_code == 422
    (line,) = client.get(f"{url}access-log/").json()["results"]
    assert line["reason"] == REASON


def test_rejected_rows_in_full_are_a_line_of_the_log(imported_rows, as_user, seller_user):
    tape = imported_rows({}, {"诉讼状态": "?"})
    as_user(seller_user).get(reverse("tapes:rejects", args=[tape.pk]))
    assert (line := PersonalAccess.objects.get()).form == AccessForm.REJECTS
    assert (line.people, line.loan) == (1, None)


def test_each_tape_has_a_key_of_its_own_and_the_venue_key_alone_opens_nothing(tape, loan):
    key = DataKey.objects.get(tape=tape)
    assert loan.borrower.name_sealed.startswith(f"t{key.pk.hex}:")
    assert person_of(loan.borrower).name == ROW["姓名"]


def test_erasing_says_what_becomes_unreadable_and_makes_it_so(
    tape, loan, approver, imported_rows, django_capture_on_commit_callbacks
):
    imported_rows({"贷款编号": "M-1"})  # The borrower of L-1 has a loan on another tape.
    assert erasure_of(tape) == revealing.Erasure(borrowers=2, on_other_tapes=1, files=1)
    with django_capture_on_commit_callbacks(execute=True):
        erased = erase_identities(user=approver, tape_id=tape.pk, reason="Sale was called off")
    assert erased.borrowers == 2
    with pytest.raises(KeyGone):
        person_of(Borrower.objects.get(pk=loan.borrower_id))
    assert masked_person(loan.borrower).name == ""
    with pytest.raises(FileNotFoundError):
        open_stored(tape.file_id)
    assert Entry.objects.about(tape.pk).last().type == "tape.identities_erased"
    assert Loan.objects.filter(tape=tape).count() == 2
    again = erase_identities(user=approver, tape_id=tape.pk, reason="Sale was called off")
    assert again.borrowers == 0


def test_identities_that_a_package_needs_are_not_erased(tape, approver, monkeypatch):
    monkeypatch.setattr(outside, "_uses", [lambda tape: "package PKG-1 holds loans of this tape"])
    with pytest.raises(Refused, match="PKG-1"):
        erase_identities(user=approver, tape_id=tape.pk, reason="Sale was called off")
    assert DataKey.objects.get(tape=tape).wrapped


def test_a_sealed_package_of_a_later_tape_keeps_the_identities_that_an_earlier_one_brought(
    tape, approver, imported_rows, seller, seller_user
):
    later = imported_rows({"贷款编号": "M-1"})  # The borrower of L-1, sealed under the first key.
    draft = draft_package(
        user=seller_user,
        seller=seller,
        title="Later tape",
        currency="CNY",
        cut_off_date=later.cut_off_date,
        criteria={"tapes": [str(later.pk)]},
        transfer_basis="Assignment clause of the loan contract",
    )
    screen_package(user=seller_user, package_id=draft.pk)
    package = seal_package(user=approver, package_id=draft.pk)
    assert package.loans == 1
    for each in (tape, later):
        with pytest.raises(Refused, match=package.reference):
            erase_identities(user=approver, tape_id=each.pk, reason="Sale was called off")
    assert person_of(Borrower.objects.get(loans__tape=later)).name == ROW["姓名"]


def test_the_analyst_does_not_erase_and_the_page_asks_for_a_reason(
    tape, make_user, seller, approver, as_user, django_capture_on_commit_callbacks
):
    analyst = make_user("analyst@example.com", seller, Role.SELLER_ANALYST)
    url = reverse("tapes:erase", args=[tape.pk])
    assert as_user(analyst).get(url).status_code == 403
    client = as_user(approver)
    assert "Erase for good" in client.get(url).content.decode()
    assert client.post(url, {"reason": ""}).status_code == 422
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(url, {"reason": "Sale was called off"}).status_code == 302
    assert client.get(tape.get_absolute_url()).status_code == 200
    assert "No identity is sealed" in client.get(url).content.decode()
