"""Sealed packages and finished runs, each made through the real services."""

import pytest
from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.packages.models import PackageReader
from npa_market.valuation.services import request_valuation
from tests.builders import sealed_package

QUICK = {"paths": 256, "horizon_months": 24, "seed": 7}


@pytest.fixture
def package(seller_user, second_seller_user):
    return sealed_package(seller_user, second_seller_user, count=40)


@pytest.fixture
def read_by():
    """Let an institution read a package, as the data room does on admission."""

    def grant(package, reader):
        return PackageReader.objects.create(
            package=package, reader=reader, granted_at=database_now()
        )

    return grant


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
