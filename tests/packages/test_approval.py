"""Four eyes and the seal: who may, what is frozen, which loans are still free."""

import pytest
from django.db import IntegrityError, transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.jobs import running
from npa_market.common.models import Job, JobState
from npa_market.evidence.models import Entry
from npa_market.packages import freezing, outside
from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.packages.queries import loan_keys_of
from npa_market.packages.sealed import manifest_of, read_sealed
from npa_market.packages.services import (
    new_version,
    revise_package,
    screen_package,
    seal_package,
    start_sealing,
    withdraw_package,
)
from npa_market.packages.stratify import stratify_all
from npa_market.tapes.models import Loan
from tests.builders import (
    CUT_OFF,
    make_tape,
    one_loan,
    screened_package,
    sealed_package,
)
from tests.packages.conftest import types_about


def test_whoever_built_the_package_cannot_seal_it(draft, tape, seller_user, second_seller_user):
    package = draft()
    screen_package(user=seller_user, package_id=package.pk)
    with pytest.raises(Refused) as caught:
        seal_package(user=seller_user, package_id=package.pk)
    assert caught.value.code == "four_eyes"
    revise_package(
        user=second_seller_user,
        package_id=package.pk,
        title="Changed",
        cut_off_date=CUT_OFF,
        criteria={},
        transfer_basis="Clause 9",
    )
    screen_package(user=seller_user, package_id=package.pk)
    with pytest.raises(Refused, match="second person"):
        seal_package(user=second_seller_user, package_id=package.pk)


def test_T6_who_built_a_part_does_not_seal_though_a_third_changed_it_since(
    draft, tape, seller, seller_user, second_seller_user, make_user
):
    third = make_user("third@example.com", seller)
    package = draft()
    wanted = {"cut_off_date": CUT_OFF, "criteria": {}, "transfer_basis": "Clause 9"}
    for title, user in (("One", second_seller_user), ("Two", third)):
        revise_package(user=user, package_id=package.pk, title=title, **wanted)
    screen_package(user=seller_user, package_id=package.pk)
    with pytest.raises(Refused, match="second person"):
        seal_package(user=second_seller_user, package_id=package.pk)


def test_what_was_changed_after_the_approver_asked_is_not_sealed(
    draft, tape, seller_user, second_seller_user, monkeypatch
):
    asked = {}

    def kept(**queued):
        asked.update(queued["arguments"])
        return Job.objects.create(
            kind=queued["kind"],
            title=queued["title"],
            organisation_id=queued["organisation_id"],
            created_at=database_now(),
            started_by=queued["started_by"],
        )

    monkeypatch.setattr(freezing, "queue_job", kept)
    package = screen_package(user=seller_user, package_id=draft().pk)
    start_sealing(user=second_seller_user, package_id=package.pk)
    wanted = {"title": package.title, "cut_off_date": CUT_OFF, "criteria": {}}
    revise_package(user=seller_user, package_id=package.pk, transfer_basis="Other", **wanted)
    screen_package(user=seller_user, package_id=package.pk)
    with pytest.raises(Refused) as caught:
        seal_package(user=second_seller_user, package_id=package.pk, seen=asked["seen"])
    assert caught.value.code == "package_changed"
    package.refresh_from_db()
    assert package.state == PackageState.SCREENED


def test_the_database_holds_four_eyes_too(seller_user, second_seller_user):
    package = sealed_package(seller_user, second_seller_user, count=3)
    for name in ("created_by", "edited_by"):
        with pytest.raises(IntegrityError, match="T6"), transaction.atomic():
            Package.objects.filter(pk=package.pk).update(**{name: second_seller_user})


def test_sealing_freezes_content_members_and_totals_once(seller_user, second_seller_user):
    package = sealed_package(seller_user, second_seller_user, count=30)
    frame = read_sealed(package)
    assert (package.loans, package.claim_minor) == (30, frame["claim_minor"].sum())
    assert package.borrowers == frame["borrower_token"].nunique()
    assert list(loan_keys_of(package)) == list(frame["loan_token"])
    again = seal_package(user=second_seller_user, package_id=package.pk)
    assert again.sealed_at == package.sealed_at
    assert types_about(package) == ["package.drafted", "package.screened", "package.sealed"]
    entry = Entry.objects.about(package.pk).last()
    assert entry.payload.body["content_sha256"] == package.content_sha256
    assert entry.payload.body["merkle_root"] == package.merkle_root
    assert manifest_of(package)["content_sha256"] == package.content_sha256


def test_tables_on_the_page_are_those_of_the_sealed_file(seller_user, second_seller_user):
    screened = screened_package(seller_user, 40).overview
    package = Package.objects.get()
    sealed = seal_package(user=second_seller_user, package_id=package.pk)
    tables = stratify_all(read_sealed(sealed))
    assert sealed.overview == screened
    assert screened["difference"] == {}, "there is no version before"
    for key, table in tables.items():
        kept = sealed.overview["stratifications"][key]
        assert [(row["label"], row["claim_minor"]) for row in kept["rows"]] == [
            (row.label, row.claim_minor) for row in table.rows
        ]


def test_only_a_screened_package_is_sealed(draft, tape, second_seller_user):
    with pytest.raises(Refused, match="only a screened package"):
        seal_package(user=second_seller_user, package_id=draft().pk)


def test_a_loan_that_became_ineligible_after_the_screen_stops_the_seal(
    seller_user, second_seller_user
):
    package = screened_package(seller_user, 5)
    Loan.objects.filter(pk=Loan.objects.first().pk).update(status="deceased")
    with pytest.raises(Refused) as caught:
        seal_package(user=second_seller_user, package_id=package.pk)
    assert caught.value.code == "screen_outdated"
    assert not PackageLoan.objects.exists()
    again = screen_package(user=seller_user, package_id=package.pk)
    assert seal_package(user=second_seller_user, package_id=again.pk).loans == 4


def test_O2_a_loan_is_in_one_live_package(draft, tape, seller_user, second_seller_user):
    first, second = draft(title="First"), draft(title="Second")
    for package in (first, second):
        screen_package(user=seller_user, package_id=package.pk)
    seal_package(user=second_seller_user, package_id=first.pk)
    with pytest.raises(Refused) as caught:
        seal_package(user=second_seller_user, package_id=second.pk)
    assert caught.value.code == "screen_outdated"
    with pytest.raises(Refused, match="No loan passes"):
        screen_package(user=seller_user, package_id=second.pk)
    withdraw_package(user=second_seller_user, package_id=first.pk, reason="Not sold")
    screen_package(user=seller_user, package_id=second.pk)
    assert seal_package(user=second_seller_user, package_id=second.pk).loans == 12


def test_O2_holds_against_a_race_by_the_database(
    draft, tape, seller_user, second_seller_user, monkeypatch, beside
):
    """Both read before either wrote: the second finds the members taken."""
    first, second = draft(title="First"), draft(title="Second")
    for package in (first, second):
        screen_package(user=seller_user, package_id=package.pk)
    second.refresh_from_db()
    built = freezing._build(second, lambda done, total, message="": None, beside)
    seal_package(user=second_seller_user, package_id=first.pk)
    monkeypatch.setattr(freezing, "_build", lambda package, report, beside: built)
    with pytest.raises(Refused) as caught:
        seal_package(user=second_seller_user, package_id=second.pk)
    assert caught.value.code == "loan_in_live_package"
    second.refresh_from_db()
    assert (second.state, second.members.count()) == (PackageState.SCREENED, 0)
    assert "package.sealed" not in types_about(second)


def test_the_same_loan_on_a_newer_tape_is_not_packaged_twice(
    draft, tape, seller, seller_user, second_seller_user
):
    package = screen_package(user=seller_user, package_id=draft().pk)
    seal_package(user=second_seller_user, package_id=package.pk)
    old = Loan.objects.first()
    newer = make_tape(seller, seller_user, seed=44)
    copy = one_loan(newer, borrower=old.borrower)
    Loan.objects.filter(pk=copy.pk).update(loan_number=old.loan_number)
    fresh = one_loan(newer, 1003)
    second = draft(title="Second", criteria={"tapes": [str(newer.pk)]})
    screen_package(user=seller_user, package_id=second.pk)
    sealed = seal_package(user=second_seller_user, package_id=second.pk)
    assert set(loan_keys_of(sealed).values()) == {fresh.pk}


def test_sold_loans_are_told_by_the_room_that_knows(draft, tape, seller_user, monkeypatch):
    gone = Loan.objects.first().pk
    monkeypatch.setattr(outside, "_sold", [])
    outside.tells_sold_loans(lambda seller: [gone])
    package = screen_package(user=seller_user, package_id=draft().pk)
    results = {result["rule"]: result["hits"] for result in package.screen_results}
    assert (results["sold"], package.loans) == (1, 11)


def test_amounts_that_add_up_beyond_exact_integers_are_refused_in_words(
    draft, tape, seller_user, second_seller_user
):
    """Twelve of the largest amounts that a tape may hold: beyond 2**53 no entry states the sum."""
    package = draft()
    earlier = sealed_package(seller_user, second_seller_user, count=3, seed=2)
    most = 999_999_999_999_999
    nothing = {"interest_minor": 0, "fees_minor": 0}
    Loan.objects.update(principal_minor=most, claim_minor=most, **nothing)
    words = "principal of these 1[25] loans adds up to .*choose fewer loans"
    with pytest.raises(Refused, match=words) as caught:
        draft(title="Huge")
    assert (caught.value.code, caught.value.field) == ("sum_not_exact", "criteria")
    wanted = {"title": "Huge", "cut_off_date": CUT_OFF, "criteria": {}, "transfer_basis": "9"}
    with pytest.raises(Refused, match=words):
        revise_package(user=seller_user, package_id=package.pk, **wanted)
    half = {"principal_minor": 0, "interest_minor": 2**53 // 2, "claim_minor": 2**53 // 2}
    Loan.objects.filter(tape=earlier.members.first().loan.tape).update(**half)
    with pytest.raises(Refused, match="interest of these 3 loans"):
        new_version(user=seller_user, package_id=earlier.pk)
    assert Package.objects.count() == 2


def test_sealing_as_a_job_reports_rows_and_runs_once(
    seller_user, second_seller_user, django_capture_on_commit_callbacks
):
    package = screened_package(seller_user, 20)
    with django_capture_on_commit_callbacks(execute=True):
        job = start_sealing(user=second_seller_user, package_id=package.pk)
        assert start_sealing(user=second_seller_user, package_id=package.pk) == job
    job.refresh_from_db()
    package.refresh_from_db()
    assert (job.state, job.done, job.total) == (JobState.DONE, 20, 20)
    assert (package.state, package.job) == (PackageState.SEALED, job)
    with running(str(job.pk)) as progress:
        assert progress is None


def test_a_refusal_ends_the_job_in_words_and_leaves_the_package(
    seller_user, second_seller_user, django_capture_on_commit_callbacks
):
    package = screened_package(seller_user, 5)
    Loan.objects.update(status="fraud")
    with django_capture_on_commit_callbacks(execute=True):
        start_sealing(user=second_seller_user, package_id=package.pk)
    job = Job.objects.get()
    package.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "screen" in job.message.lower()
    assert package.state == PackageState.SCREENED
