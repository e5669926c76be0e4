"""Nobody learns of a buyer's runs, and nobody but the seller of its reserve: all doors and roles.

All addresses of the venue are opened as each role; the secrets are figures of their own, so that
finding one anywhere is a leak.
"""

import io
import zipfile

import pytest
from django.db import transaction
from django.test import Client, override_settings

from npa_market.common.money import format_minor
from npa_market.evidence.models import Payload
from npa_market.parties.models import Organisation
from npa_market.parties.roles import ROLES_OF_KIND, OrganisationKind, Role
from npa_market.valuation.fits import fit_to_file, run_fit
from npa_market.valuation.models import Valuation
from npa_market.valuation.scenarios import save_scenario
from npa_market.valuation.services import request_valuation, run_valuation
from tests.doors import UnknownKeyword, all_doors
from tests.world import BUYER, world_objects, world_people

LOCAL_CACHE = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
HISTORY = b"loan_id,age_month,cash,balance,product,cohort\n" + b"".join(
    b"%d,%d,%d,1000,Card,2025Q%d\n" % (loan, month, 90 if loan % 3 == 0 else 0, loan % 4 + 1)
    for loan in range(60)
    for month in range(1, 9)
)
SELLERS, BUYERS, VENUE = (
    sorted(ROLES_OF_KIND[kind])
    for kind in (OrganisationKind.SELLER, OrganisationKind.BUYER, OrganisationKind.VENUE)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("privacy")


@pytest.fixture(autouse=True)
def _own_files(settings, folder):
    """Files of the world outlast a test of this module."""
    settings.VAR_DIR, settings.MEDIA_ROOT = folder, folder / "files"
    settings.CACHES = LOCAL_CACHE


@pytest.fixture(scope="module")
def secrets(folder, django_db_setup, django_db_blocker):
    """The world with a buyer's private run; what must be found nowhere, by whom it is kept."""
    own = override_settings(VAR_DIR=folder, MEDIA_ROOT=folder / "files", CACHES=LOCAL_CACHE)
    with own, django_db_blocker.unblock(), transaction.atomic():
        objects, people = world_objects(), world_people()
        yield objects, people, *_private(objects, people)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _undone(secrets, db):
    """What a walk leaves is undone at its end."""


def _private(objects, people):
    analyst = people.by_role[Role.BUYER_ANALYST]
    buyer = Organisation.objects.get(name=BUYER)
    sellers = Valuation.objects.get(pk=objects["valuation_id"])
    fit = fit_to_file(
        user=analyst,
        organisation=buyer,
        title="HARBOUR-SECRET-CURVE",
        chunks=[HISTORY],
        file_name="h.csv",
        currency="CNY",
        basis="claim",
    )
    run_fit(fit_id=fit.pk)
    asked = request_valuation(
        user=analyst,
        organisation=buyer,
        package_id=sellers.package_id,
        terms={"paths": 256, "seed": 4711, "buyer_irr": 0.2345},
    )
    run = run_valuation(valuation_id=asked.pk)
    scenario = save_scenario(
        user=analyst, valuation_id=run.pk, name="HARBOUR-SECRET", terms=run.terms
    )
    buyers = [
        str(run.pk),
        str(scenario.pk),
        str(fit.pk),
        str(run.job_id),
        run.inputs_sha256,
        "HARBOUR-SECRET",
        format_minor(run.price_minor, run.currency),
    ]
    reserve = [
        format_minor(sellers.reserve_minor, sellers.currency),
        str(sellers.reserve_minor),
        "seller_reserve",
        "seller_rate",
    ]
    return buyers, reserve


def pages(objects, person):
    """(address, text) of all that this person gets with a plain GET; workbooks unzipped."""
    client = Client(raise_request_exception=False)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    for door in all_doors():
        if door.is_library or "feed" in door.name or door.name == "schema":
            continue
        try:
            address = door.address(objects)
        except UnknownKeyword:
            continue
        answer = client.get(address)
        if answer.status_code != 200:
            continue
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        yield address, _text(content)


def _text(content):
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            content = b"".join(book.read(name) for name in book.namelist())
    return content.decode("utf-8", "replace")


def leaks(objects, person, words):
    return [
        f"{address}: {word}"
        for address, text in pages(objects, person)
        for word in words
        if word in text
    ]


@pytest.mark.parametrize("role", [*VENUE, *SELLERS, *BUYERS])
def test_each_role_finds_what_is_its_own_and_nothing_more(role, secrets):
    objects, people, buyers, reserve = secrets
    hidden = [*(reserve if role not in SELLERS else []), *(buyers if role not in BUYERS else [])]
    assert leaks(objects, people.by_role[role], hidden) == []


def test_another_buyer_and_a_stranger_find_neither(secrets):
    objects, people, buyers, reserve = secrets
    for person in (people.rival, people.stranger):
        assert leaks(objects, person, [*buyers, *reserve[:-2]]) == []


def test_the_walk_sees_what_there_is_to_see(secrets):
    objects, people, buyers, reserve = secrets
    found = leaks(objects, people.by_role[Role.BUYER_ANALYST], buyers[:1])
    assert any("/valuations/" in line for line in found)
    assert leaks(objects, people.by_role[Role.VALUER], reserve[:1])


def test_the_log_has_no_word_of_a_buyers_runs(secrets):
    _, _, buyers, reserve = secrets
    for body in Payload.objects.values_list("body", flat=True):
        text = str(body)
        assert not [word for word in (*buyers, *reserve) if word in text]
