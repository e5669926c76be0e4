"""Sealed packages and finished runs, each made through the real services."""

import pytest
from django.db import transaction

from npa_market.diligence.services import open_room, sign_nda
from npa_market.valuation.services import request_valuation
from tests.builders import sealed_package

QUICK = {"paths": 256, "horizon_months": 24, "seed": 7}


@pytest.fixture
def package(seller_user, second_seller_user):
    return sealed_package(seller_user, second_seller_user, count=40)


@pytest.fixture
def read_by(second_seller_user, buyer, buyer_user, other_buyer, other_buyer_user):
    """Admit a buyer to the package's data room, which its own signatory asks for."""
    signatories = {buyer: buyer_user, other_buyer: other_buyer_user}

    def admit(package, reader):
        room = open_room(user=second_seller_user, package_id=package.pk)
        return sign_nda(user=signatories[reader], room_id=room.pk, buyer=reader)

    return admit


@pytest.fixture
def ask(django_capture_on_commit_callbacks):
    """Ask for a run and let the worker finish it."""

    def run(user, organisation, package, **terms):
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            valuation = request_valuation(
                user=user,
                organisation=organisation,
                package_id=package.pk,
                terms={**QUICK, **terms},
            )
        valuation.refresh_from_db()
        return valuation

    return run


@pytest.fixture
def sellers_run(ask, seller_user, seller, package):
    return ask(seller_user, seller, package)
