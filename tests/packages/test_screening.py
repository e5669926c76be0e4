"""The pre-sale screen and which loans a package may hold: hits, copies, races."""

from datetime import date

import pytest

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import store_bytes
from npa_market.packages import freezing, screening
from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.packages.services import grant_reader, screen_package, seal_package
from npa_market.packages.taken import complained_identities
from npa_market.tapes.history_models import (
    Complaint,
    HistoryFile,
    HistoryKind,
    HistoryState,
)
from npa_market.tapes.models import Loan
from tests.builders import (
    CUT_OFF,
    make_tape,
    one_loan,
)
from tests.packages.conftest import types_about


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


def renumbered_twice(seller, seller_user):
    """The same debt under two numbers, on tapes of two dates: one loan of each."""
    tapes = [make_tape(seller, seller_user, seed=number) for number in (1, 2)]
    tapes[1].cut_off_date = date(2026, 7, 31)
    tapes[1].save()
    loan = one_loan(tapes[0], 1, loan_number="L-1")
    same = {"origination_date": loan.origination_date, "product": loan.product}
    again = one_loan(
        tapes[1],
        2,
        loan_number="N-1",
        borrower=loan.borrower,
        original_amount_minor=loan.original_amount_minor,
        **same,
    )
    return loan, again


def test_O2_a_loan_under_another_number_goes_into_no_second_package(
    draft, seller, seller_user, second_seller_user, as_user
):
    _, again = renumbered_twice(seller, seller_user)
    one_loan(again.tape, 3)
    first = screen_package(user=seller_user, package_id=draft().pk)
    seal_package(user=second_seller_user, package_id=first.pk)
    package = draft(cut_off_date=again.tape.cut_off_date)
    package = screen_package(user=seller_user, package_id=package.pk)
    assert (package.loans, screened_hits(package)) == (1, {"in_live_renumbered": 1})
    named = [{"rule": "in_live_renumbered", "number": "N-1", "other": "L-1"}]
    assert package.overview["renumbered"] == named
    page = as_user(seller_user).get(package.get_absolute_url()).content.decode()
    assert "Loans under another number" in page
    sealed = seal_package(user=second_seller_user, package_id=package.pk)
    assert sealed.overview["renumbered"] == named
    assert "N-1" not in str(sealed.screen_results)


def test_a_sold_loan_under_another_number_is_excluded(draft, seller, seller_user, monkeypatch):
    loan, again = renumbered_twice(seller, seller_user)
    one_loan(again.tape, 3)
    monkeypatch.setattr("npa_market.packages.outside._sold", [lambda seller: [loan.pk]])
    package = screen_package(
        user=seller_user, package_id=draft(cut_off_date=again.tape.cut_off_date).pk
    )
    assert (package.loans, screened_hits(package)) == (1, {"sold_renumbered": 1})


def test_O2_a_loan_under_two_numbers_is_sealed_once_even_at_the_same_time(
    draft, seller, seller_user, second_seller_user, beside
):
    built = []
    for loan in renumbered_twice(seller, seller_user):
        package = draft(cut_off_date=loan.tape.cut_off_date)
        screen_package(user=seller_user, package_id=package.pk)
        package.refresh_from_db()
        built.append((package.pk, freezing._build(package, lambda *_: None, beside)))
    freezing._seal_rows(built[0][0], second_seller_user, built[0][1], beside)
    with pytest.raises(Refused, match="went into another package"):
        freezing._seal_rows(built[1][0], second_seller_user, built[1][1], beside)


def test_readers_get_no_number_of_the_seller(
    draft, seller, seller_user, second_seller_user, buyer, buyer_user, as_user
):
    _, again = renumbered_twice(seller, seller_user)
    one_loan(again.tape, 3)
    for cut_off in (CUT_OFF, again.tape.cut_off_date):
        package = screen_package(user=seller_user, package_id=draft(cut_off_date=cut_off).pk)
        sealed = seal_package(user=second_seller_user, package_id=package.pk)
    address = f"/api/v1/packages/{sealed.pk}/"
    assert as_user(seller_user).get(address).json()["renumbered"][0]["other"] == "L-1"
    grant_reader(package=sealed, reader=buyer)
    client = as_user(buyer_user)
    assert client.get(address).json()["renumbered"] is None
    assert "N-1" not in client.get(sealed.get_absolute_url()).content.decode()
