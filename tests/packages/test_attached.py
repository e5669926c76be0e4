"""Histories of the chosen loans are counted when a package is sealed, and frozen with it."""

import pytest

from npa_market.packages.sealed import manifest_of
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.tapes.histories import remove_history
from npa_market.tapes.models import Loan
from tests.builders import CUT_OFF, attach_history, loans_on_tape

ROW = {
    "payments": {"gross_minor": 500},
    "contacts": {"channel": "call"},
    "legal": {"stage": "in_suit"},
    "placements": {"agency": "甲公司"},
    "complaints": {"subject": "Calls at night", "outcome": "rejected", "closed_on": CUT_OFF},
    "documents": {"document": "contract", "availability": "copy"},
}


@pytest.fixture
def tape(seller, seller_user):
    """40 loans of about 27 borrowers."""
    return loans_on_tape(seller, seller_user, 40)


@pytest.fixture
def sealed(tape, seller, seller_user, second_seller_user):
    """Seal everything that is on the tape."""

    def run():
        package = draft_package(
            user=seller_user,
            seller=seller,
            title="With histories",
            currency="CNY",
            cut_off_date=CUT_OFF,
            criteria={"tapes": [str(tape.pk)]},
            transfer_basis="Clause 9",
        )
        screen_package(user=seller_user, package_id=package.pk)
        return seal_package(user=second_seller_user, package_id=package.pk)

    return run


def all_of(kind, loans):
    return [(loan, ROW[kind]) for loan in loans]


@pytest.mark.parametrize("kind", ROW)
def test_a_history_on_all_loans_is_counted_in_the_manifest(kind, tape, sealed):
    attach_history(
        tape, kind, [*all_of(kind, Loan.objects.all()), (Loan.objects.first(), ROW[kind])]
    )
    package = sealed()
    found = manifest_of(package)["histories"][kind]
    assert (found["reach"], found["rows"]) == ("all", 41)
    assert (found["loans"], found["borrowers"]) == (package.loans, package.borrowers)


def test_without_histories_the_manifest_says_so(sealed):
    assert manifest_of(sealed())["histories"] == {}


def test_other_loans_and_removed_histories_do_not_count(
    tape, sealed, seller, seller_user, second_seller_user
):
    other = loans_on_tape(seller, seller_user, 5, seed=2)
    attach_history(other, "payments", all_of("payments", Loan.objects.filter(tape=other)))
    removed = attach_history(tape, "contacts", all_of("contacts", Loan.objects.filter(tape=tape)))
    remove_history(user=seller_user, history_id=removed.pk)
    assert manifest_of(sealed())["histories"] == {}


@pytest.mark.parametrize(
    ("borrowers", "reach"), [(4, {"reach": "few"}), (5, None), (-5, None), (-4, {"reach": "most"})]
)
def test_neither_side_is_counted_where_it_is_of_fewer_than_five_borrowers(
    borrowers, reach, tape, sealed
):
    people = sorted(set(Loan.objects.values_list("borrower", flat=True)))
    loans = Loan.objects.filter(borrower__in=people[:borrowers])
    attach_history(tape, "documents", all_of("documents", loans))
    found = manifest_of(sealed())["histories"]["documents"]
    if reach:
        assert found == reach
    else:
        assert found["reach"] == "some"
        assert (found["loans"], found["borrowers"]) == (loans.count(), len(people[:borrowers]))


def test_what_is_frozen_does_not_follow_the_histories(tape, sealed, seller_user):
    history = attach_history(tape, "legal", all_of("legal", Loan.objects.all()))
    package = sealed()
    remove_history(user=seller_user, history_id=history.pk)
    assert manifest_of(package)["histories"]["legal"]["rows"] == 40
