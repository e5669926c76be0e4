"""A sealed package with planted personal values, a finished valuation, a report, an open room."""

from dataclasses import dataclass

import pytest
from django.db import transaction

from npa_market.diligence.models import DataRoom, Report
from npa_market.diligence.services import make_report, open_room
from npa_market.packages.models import Package
from npa_market.packages.services import draft_package, screen_package, seal_package
from npa_market.tapes.models import Borrower
from npa_market.tapes.vault import BORROWER_PLACES, Place, current_vault
from npa_market.valuation.models import Valuation
from npa_market.valuation.services import request_valuation, run_valuation
from tests.builders import CUT_OFF, loans_on_tape, one_loan

LOANS = 40
TERMS = {"paths": 256, "horizon_months": 24, "seed": 7, "seller_rate": 0.0731}
CANARY = {
    "name": "金丝雀",
    "id_number": "11010119900307451X",
    "mobile": "13899998888",
    "loan_number": "CANARY-LOAN-7781",
    "city": "Canaryville",
}


@dataclass(frozen=True)
class Shown:
    """What a seller shows."""

    package: Package
    valuation: Valuation
    report: Report
    room: DataRoom


def plant(tape) -> None:
    """A borrower whose values must turn up nowhere before the sale."""
    borrower = Borrower.objects.create(
        seller=tape.seller, blind_index="ca" * 32, sex="f", birth_year=1990
    )
    for field, label in BORROWER_PLACES.items():
        sealed = current_vault().seal(CANARY[field], Place(label, borrower.pk))
        setattr(borrower, f"{field}_sealed", sealed)
    borrower.save()
    one_loan(tape, borrower=borrower, loan_number=CANARY["loan_number"], city=CANARY["city"])


@pytest.fixture
def package(seller, seller_user, second_seller_user) -> Package:
    tape = loans_on_tape(seller, seller_user, LOANS)
    plant(tape)
    package = draft_package(
        user=seller_user,
        seller=seller,
        title="Unsecured consumer loans",
        currency="CNY",
        cut_off_date=CUT_OFF,
        criteria={"tapes": [str(tape.pk)]},
        transfer_basis="Assignment clause of the loan contract, section 9",
    )
    screen_package(user=seller_user, package_id=package.pk)
    return seal_package(user=second_seller_user, package_id=package.pk)


@pytest.fixture
def valuation(package, seller, seller_user) -> Valuation:
    with transaction.atomic():
        asked = request_valuation(
            user=seller_user, organisation=seller, package_id=package.pk, terms=TERMS
        )
    return run_valuation(valuation_id=asked.pk)


@pytest.fixture
def report(package, valuation, seller_user) -> Report:
    return make_report(user=seller_user, package_id=package.pk, valuation_id=valuation.pk)


@pytest.fixture
def room(package, seller_user) -> DataRoom:
    return open_room(user=seller_user, package_id=package.pk)


@pytest.fixture
def shown(package, valuation, report, room) -> Shown:
    return Shown(package, valuation, report, room)
