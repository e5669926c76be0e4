"""Changes of state: who may, in which order, once, and with an entry each."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import IntegrityError, transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import store_bytes
from npa_market.common.jobs import running
from npa_market.common.models import Job, JobState
from npa_market.evidence.models import Entry
from npa_market.packages import freezing, outside, screening
from npa_market.packages.models import Package, PackageLoan, PackageReader, PackageState
from npa_market.packages.queries import loan_keys_of, versions_of
from npa_market.packages.sealed import manifest_of, read_sealed
from npa_market.packages.services import (
    draft_package,
    grant_reader,
    new_version,
    return_package,
    revise_package,
    revoke_reader,
    screen_package,
    seal_package,
    start_sealing,
    withdraw_package,
)
from npa_market.packages.stratify import stratify_all
from npa_market.packages.taken import complained_identities
from npa_market.parties.roles import Role
from npa_market.tapes.history_models import (
    Complaint,
    HistoryFile,
    HistoryKind,
    HistoryState,
)
from npa_market.tapes.models import Loan, TapeState
from tests.builders import (
    CUT_OFF,
    loans_on_tape,
    make_tape,
    one_loan,
    screened_package,
    sealed_package,
)


def types_about(package):
    return [entry.type for entry in Entry.objects.about(package.pk)]


@pytest.fixture
def tape(seller, seller_user):
    return loans_on_tape(seller, seller_user, 12)


@pytest.fixture
def draft(seller, seller_user):
    def make(**changes):
        wanted = {
            "user": seller_user,
            "seller": seller,
            "title": "Consumer loans",
            "currency": "CNY",
            "cut_off_date": CUT_OFF,
            "criteria": {},
            "transfer_basis": "Clause 9",
        }
        return draft_package(**(wanted | changes))

    return make


def test_without_criteria_every_loan_of_the_fitting_tapes_is_chosen(draft, seller, seller_user):
    loans_on_tape(seller, seller_user, 5, seed=1)
    loans_on_tape(seller, seller_user, 7, seed=2)
    loans_on_tape(seller, seller_user, 3, seed=3, currency="USD")
    package = draft()
    assert (package.loans, package.state) == (12, PackageState.DRAFT)
    assert draft(currency="USD", title="Dollars").loans == 3
    assert types_about(package) == ["package.drafted"]


def test_the_same_draft_again_is_the_first_one(draft, tape, second_seller_user):
    package = draft()
    assert draft() == package
    assert types_about(package) == ["package.drafted"]
    assert draft(title="Another") != package
    assert draft(user=second_seller_user) != package


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"title": "  "}, "text_missing", "title"),
        ({"title": "x" * 201}, "text_too_long", "title"),
        ({"transfer_basis": "x" * 301}, "text_too_long", "transfer_basis"),
        ({"currency": "XYZ"}, "currency_unknown", "currency"),
        ({"currency": "EUR"}, "no_tape", "cut_off_date"),
        ({"cut_off_date": date(2026, 7, 1)}, "no_tape", "cut_off_date"),
        ({"criteria": {"where": {"field": "x"}}}, "criteria_wrong", "criteria"),
        ({"criteria": {"disclose": ["fraud"]}}, "rule_not_disclosable", "criteria"),
    ],
)
def test_a_wrong_draft_is_refused_by_name_and_nothing_is_written(draft, tape, changes, code, field):
    with pytest.raises(InvalidInput) as caught:
        draft(**changes)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert not Package.objects.exists()


def test_one_currency_and_one_cut_off_date_per_package(
    draft, tape, seller, seller_user, stranger_seller, stranger
):
    dollars = loans_on_tape(seller, seller_user, 2, currency="USD")
    foreign = loans_on_tape(stranger_seller, stranger, 2)
    running_import = make_tape(seller, seller_user, seed=9)
    running_import.state = TapeState.IMPORTING
    running_import.save()
    earlier = make_tape(seller, seller_user, seed=10)
    earlier.cut_off_date = date(2026, 5, 31)
    earlier.save()
    draft(criteria={"tapes": [str(tape.pk)]})
    for unfit in (dollars, foreign, running_import, earlier):
        with pytest.raises(InvalidInput) as caught:
            draft(criteria={"tapes": [str(tape.pk), str(unfit.pk)]})
        assert caught.value.code == "tape_unfit"


@pytest.mark.parametrize(
    ("service", "role"),
    [
        ("draft", Role.SELLER_APPROVER),
        ("screen", Role.SELLER_APPROVER),
        ("seal", Role.SELLER_ANALYST),
        ("return", Role.SELLER_ANALYST),
        ("withdraw", Role.SELLER_FINANCE),
    ],
)
def test_each_act_needs_its_role(draft, tape, seller, make_user, stranger, service, role):
    package = screen_package(user=(maker := draft()).created_by, package_id=maker.pk)
    acts = {
        "draft": lambda user: draft(user=user),
        "screen": lambda user: screen_package(user=user, package_id=package.pk),
        "seal": lambda user: seal_package(user=user, package_id=package.pk),
        "return": lambda user: return_package(user=user, package_id=package.pk, reason="x"),
        "withdraw": lambda user: withdraw_package(user=user, package_id=package.pk, reason="x"),
    }
    for user in (make_user("other@example.com", seller, role), stranger):
        with pytest.raises(NotPermitted):
            acts[service](user)
    package.refresh_from_db()
    assert package.state == PackageState.SCREENED


def test_the_screen_excludes_hits_and_keeps_count(draft, tape, seller_user):
    one_loan(tape, 1001, status="deceased")
    one_loan(tape, 1002, status="disputed")
    package = draft(criteria={"disclose": ["disputed"]})
    assert package.loans == 14
    package = screen_package(user=seller_user, package_id=package.pk)
    results = {result["rule"]: result for result in package.screen_results}
    assert (package.loans, package.state) == (13, PackageState.SCREENED)
    assert (results["deceased"]["hits"], results["deceased"]["excluded"]) == (1, 1)
    assert (results["disputed"]["treatment"], results["disputed"]["excluded"]) == ("disclose", 0)
    assert results["counterclaim"]["hits"] is None
    assert types_about(package) == ["package.drafted", "package.screened"]


def test_an_open_complaint_on_record_is_a_dispute_and_a_closed_one_is_not(draft, tape, seller_user):
    one, other = one_loan(tape, 1001), one_loan(tape, 1002)
    history = HistoryFile.objects.create(
        tape=tape,
        kind=HistoryKind.COMPLAINTS,
        file_name="complaints.csv",
        file=store_bytes(b"complaints"),
        state=HistoryState.IMPORTED,
        uploaded_by=seller_user,
        uploaded_at=database_now(),
    )
    for loan, closed_on in ((one, None), (other, CUT_OFF)):
        Complaint.objects.create(
            source=history, loan=loan, on=date(2025, 1, 5), subject="calls", closed_on=closed_on
        )
    package = screen_package(user=seller_user, package_id=draft().pk)
    result = next(each for each in package.screen_results if each["rule"] == "disputed")
    assert (result["hits"], result["borrowers"], package.loans) == (1, 1, 13)
    HistoryFile.objects.update(state=HistoryState.REMOVED)
    assert screen_package(user=seller_user, package_id=package.pk).loans == 14


@pytest.mark.parametrize("last", [None, CUT_OFF])
def test_the_last_statement_on_a_complaint_decides_whichever_tape_it_came_with(
    last, draft, tape, seller, seller_user
):
    def complained(loan, number, closed_on, on=date(2025, 1, 5)):
        history = HistoryFile.objects.create(
            tape=loan.tape,
            kind=HistoryKind.COMPLAINTS,
            file_name="complaints.csv",
            file=store_bytes(b"complaints%d" % number),
            state=HistoryState.IMPORTED,
            uploaded_by=seller_user,
            uploaded_at=database_now(),
        )
        Complaint.objects.create(
            source=history, loan=loan, on=on, subject="calls", closed_on=closed_on
        )

    loan = one_loan(tape, 1001)
    newer = one_loan(
        make_tape(seller, seller_user, 2),
        1001,
        borrower=loan.borrower,
        loan_number=loan.loan_number,
    )
    complained(loan, 1, None if last else CUT_OFF)
    complained(newer, 2, last)
    assert len(complained_identities(seller).numbers) == (0 if last else 1)
    complained(newer, 3, None, on=date(2025, 3, 1))
    assert set(complained_identities(seller).numbers.to_pylist()) == {loan.loan_number}


def test_the_screen_needs_a_transfer_basis_and_a_loan(draft, tape, seller_user):
    bare = draft(transfer_basis="")
    with pytest.raises(InvalidInput) as caught:
        screen_package(user=seller_user, package_id=bare.pk)
    assert caught.value.field == "transfer_basis"
    Loan.objects.update(status="fraud")
    with pytest.raises(Refused, match="No loan passes"):
        screen_package(user=seller_user, package_id=draft().pk)


def test_a_change_during_the_screen_is_not_overwritten(draft, tape, seller_user, monkeypatch):
    package = draft()
    screen_loans = screening.screen_loans

    def change_meanwhile(read):
        Package.objects.filter(pk=read.pk).update(title="Another", transfer_basis="Clause 1")
        return screen_loans(read)

    monkeypatch.setattr(screening, "screen_loans", change_meanwhile)
    with pytest.raises(Refused) as caught:
        screen_package(user=seller_user, package_id=package.pk)
    assert caught.value.code == "package_changed"
    package.refresh_from_db()
    assert (package.state, package.screen_results) == (PackageState.DRAFT, [])


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


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """The thread that makes the rows of a sealing."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


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


def test_withdrawing_needs_a_reason_and_frees_the_loans(seller_user, second_seller_user):
    package = sealed_package(seller_user, second_seller_user, count=4)
    with pytest.raises(InvalidInput):
        withdraw_package(user=second_seller_user, package_id=package.pk, reason=" ")
    for _ in range(2):
        ended = withdraw_package(user=second_seller_user, package_id=package.pk, reason="Sold off")
    assert (ended.state, ended.end_reason) == (PackageState.WITHDRAWN, "Sold off")
    assert not PackageLoan.objects.filter(is_live=True).exists()
    assert types_about(package).count("package.withdrawn") == 1


def test_a_bound_package_is_neither_withdrawn_nor_replaced(
    seller_user, second_seller_user, monkeypatch
):
    package = sealed_package(seller_user, second_seller_user, count=4)
    draft = new_version(user=seller_user, package_id=package.pk)
    draft = screen_package(user=seller_user, package_id=draft.pk)
    monkeypatch.setattr(outside, "_bonds", [])
    outside.tells_bond(lambda package: "it is in LOT-2026-0001")
    with pytest.raises(Refused, match="LOT-2026-0001"):
        withdraw_package(user=second_seller_user, package_id=package.pk, reason="x")
    with pytest.raises(Refused, match="LOT-2026-0001"):
        seal_package(user=second_seller_user, package_id=draft.pk)
    package.refresh_from_db()
    assert package.state == PackageState.SEALED
    assert package.members.filter(is_live=True).count() == 4


def test_an_analyst_withdraws_a_draft_but_not_a_sealed_package(
    seller, make_user, seller_user, second_seller_user
):
    analyst = make_user("analyst@example.com", seller, Role.SELLER_ANALYST)
    sealed = sealed_package(seller_user, second_seller_user, count=3)
    with pytest.raises(NotPermitted):
        withdraw_package(user=analyst, package_id=sealed.pk, reason="x")
    screened = screened_package(seller_user, 3, seed=2)
    ended = withdraw_package(user=analyst, package_id=screened.pk, reason="x")
    assert ended.state == PackageState.WITHDRAWN


def test_a_new_version_replaces_the_old_one_when_it_is_sealed(
    seller, seller_user, second_seller_user
):
    package = sealed_package(seller_user, second_seller_user, count=6)
    tape = Loan.objects.first().tape
    draft = new_version(user=seller_user, package_id=package.pk)
    assert new_version(user=seller_user, package_id=package.pk) == draft
    assert (draft.reference, draft.version, draft.loans) == (f"{package.reference}v2", 2, 6)
    gone = Loan.objects.first()
    Loan.objects.filter(pk=gone.pk).update(status="deceased")
    one_loan(tape, 1004)
    one_loan(tape, 1005)
    shown = screen_package(user=seller_user, package_id=draft.pk).overview["difference"]
    sealed = seal_package(user=second_seller_user, package_id=draft.pk)
    assert sealed.overview["difference"] == shown, "who seals has seen what changes"
    package.refresh_from_db()
    assert package.state == PackageState.REPLACED
    assert not package.members.filter(is_live=True).exists()
    assert versions_of(package) == versions_of(sealed) == [sealed, package]
    found = sealed.overview["difference"]
    assert (found["out"]["loans"], found["taken_in"]["loans"]) == (1, 2)
    for name in ("loans", "claim_minor"):
        moved = found["taken_in"][name] - found["out"][name]
        moved += found["changed"][name] if name != "loans" else 0
        assert found["before"][name] + moved == found["after"][name] == getattr(sealed, name)
    assert types_about(package)[-1] == "package.replaced"
    with pytest.raises(Refused):
        new_version(user=seller_user, package_id=screened_package(seller_user, seed=3).pk)


def screened_hits(package):
    return {row["rule"]: row["hits"] for row in package.screen_results if row["hits"]}


def test_criteria_do_not_bring_an_older_copy_of_a_loan_back(draft, seller, seller_user):
    """The newer tape says that it was paid: that row is not chosen, and the older one is out."""
    older, newer = (make_tape(seller, seller_user, seed=number) for number in (1, 2))
    loan = one_loan(older, 1, loan_number="L-1", status="live")
    one_loan(older, 2, status="live")
    one_loan(newer, 3, borrower=loan.borrower, loan_number="L-1", status="settled")
    live = {"field": "status", "op": "in", "value": ["live"]}
    for criteria in ({"where": live}, {"where": live, "tapes": [str(older.pk)]}):
        package = screen_package(user=seller_user, package_id=draft(criteria=criteria).pk)
        assert (package.loans, screened_hits(package)) == (1, {"duplicate": 1})


def test_a_number_stands_once_in_a_package_whoever_its_borrower_is(draft, seller, seller_user):
    older, newer = (make_tape(seller, seller_user, seed=number) for number in (1, 2))
    one_loan(older, 1, loan_number="L-1")
    one_loan(newer, 2, loan_number="L-1")
    package = screen_package(user=seller_user, package_id=draft().pk)
    assert (package.loans, screened_hits(package)) == (1, {"duplicate_other_borrower": 1})


def test_O2_a_loan_on_tapes_of_two_dates_is_sealed_once_even_at_the_same_time(
    draft, seller, seller_user, second_seller_user, beside
):
    tapes = [make_tape(seller, seller_user, seed=number) for number in (1, 2)]
    tapes[1].cut_off_date = date(2026, 7, 31)
    tapes[1].save()
    loan = one_loan(tapes[0], 1, loan_number="L-1")
    one_loan(tapes[1], 2, borrower=loan.borrower, loan_number="L-1")
    built = []
    for tape in tapes:
        package = draft(cut_off_date=tape.cut_off_date)
        screen_package(user=seller_user, package_id=package.pk)
        package.refresh_from_db()
        built.append((package.pk, freezing._build(package, lambda *_: None, beside)))
    freezing._seal_rows(built[0][0], second_seller_user, built[0][1], beside)
    with pytest.raises(Refused, match="went into another package"):
        freezing._seal_rows(built[1][0], second_seller_user, built[1][1], beside)
    assert PackageLoan.objects.filter(is_live=True).count() == 1


def test_a_withdrawn_next_version_leaves_its_number_and_room_for_another(
    seller_user, second_seller_user
):
    package = sealed_package(seller_user, second_seller_user, count=6)
    first = new_version(user=seller_user, package_id=package.pk)
    withdraw_package(user=seller_user, package_id=first.pk, reason="Wrong criteria")
    second = new_version(user=seller_user, package_id=package.pk)
    assert (second.reference, second.version) == (f"{package.reference}v3", 3)
    assert new_version(user=seller_user, package_id=package.pk) == second
    with pytest.raises(IntegrityError, match="previous"), transaction.atomic():
        Package.objects.filter(pk=first.pk).update(state=PackageState.DRAFT)
    screen_package(user=seller_user, package_id=second.pk)
    sealed = seal_package(user=second_seller_user, package_id=second.pk)
    assert [each.pk for each in versions_of(package)] == [sealed.pk, first.pk, package.pk]
    package.refresh_from_db()
    assert package.state == PackageState.REPLACED


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


def test_a_change_starts_the_screen_over_and_no_change_writes_nothing(seller_user, seller):
    package = screened_package(seller_user, 10)
    wanted = {
        "title": package.title,
        "cut_off_date": package.cut_off_date,
        "criteria": package.criteria,
        "transfer_basis": package.transfer_basis,
    }
    same = revise_package(user=seller_user, package_id=package.pk, **wanted)
    assert same.state == PackageState.SCREENED
    where = {"field": "claim", "op": "at_least", "value": 10**15}
    wanted["criteria"] = package.criteria | {"where": where}
    changed = revise_package(user=seller_user, package_id=package.pk, **wanted)
    assert (changed.state, changed.loans, changed.overview) == (PackageState.DRAFT, 0, {})
    assert types_about(package)[-1] == "package.revised"


def test_the_approver_returns_with_a_reason(seller_user, second_seller_user):
    package = screened_package(seller_user, 4)
    returned = return_package(user=second_seller_user, package_id=package.pk, reason="Too old")
    assert (returned.state, returned.screen_results) == (PackageState.DRAFT, [])
    assert Entry.objects.about(package.pk).last().payload.body["reason"] == "Too old"
    with pytest.raises(Refused):
        return_package(user=second_seller_user, package_id=package.pk, reason="Again")


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


def test_readers_see_a_sealed_package_while_granted(
    seller_user, second_seller_user, buyer, buyer_user, stranger, operator
):
    package = sealed_package(seller_user, second_seller_user, count=3)

    def sees(user):
        return Package.objects.visible_to(user).filter(pk=package.pk).exists()

    assert (sees(buyer_user), sees(stranger), sees(operator)) == (False, False, True)
    for _ in range(2):
        grant_reader(package=package, reader=buyer)
    assert sees(buyer_user)
    revoke_reader(package=package, reader=buyer)
    assert not sees(buyer_user)
    grant_reader(package=package, reader=buyer)
    assert sees(buyer_user)
    assert PackageReader.objects.count() == 1
    with pytest.raises(Refused):
        grant_reader(package=screened_package(seller_user, seed=2), reader=buyer)


def test_the_venue_does_not_see_what_is_not_sealed(seller_user, operator):
    package = screened_package(seller_user, 3)
    assert package not in Package.objects.visible_to(operator)
