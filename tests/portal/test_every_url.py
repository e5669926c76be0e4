"""Every address of the venue, opened by everybody: no door without a rule, none that leaks."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.core.cache.backends import locmem
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, override_settings

from npa_market.common.models import Job, OutboxMessage
from npa_market.evidence.models import Entry, Payload
from npa_market.parties.models import User
from npa_market.parties.roles import Role
from npa_market.tapes.keys import opening_vault
from npa_market.tapes.models import Borrower, Tape
from npa_market.tapes.personal_models import PersonalAccess
from npa_market.tapes.queries import person_of
from tests.doors import MODEL_OF_KEYWORD, Door, UnknownKeyword, all_doors
from tests.world import People, world_objects, world_people

BACKEND = "django.contrib.auth.backends.ModelBackend"
ANSWERED = range(200, 400)
LOCAL_CACHE = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# Answers to a plain GET that say, with a reason, that this object has no such part.
NO_SUCH_PART = {
    "packages:export": 404,  # nobody asked for this form yet
    "auctions:opening": 404,  # the lot is not one with sealed bids
    "auctions:own_receipt": 404,
    "v1:lot-sheet": 404,
    "v1:lot-signed-receipt": 404,
    "auctions:sheet": 404,
    "settlement:closing_journal": 404,  # the deal is not closed
    "v1:lot-bid-by-request": 404,  # the request was another institution's
    "v1:valuation-comparison": 422,  # which run it is compared with is not named
    "v1:package-export-file": 409,  # the export is not made yet
    "v1:package-proof": 409,  # which loan is not named
    "tapes:history_columns": 404,
    "tapes:history_rejects": 404,  # which history is not named
    "tapes:history_rejects_xlsx": 404,
    "v1:tape-rejects": 409,  # no row was rejected
    "v1:tape-rejects-xlsx": 409,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the world keeps its files."""
    return tmp_path_factory.mktemp("world")


@pytest.fixture(autouse=True)
def _embedded(settings, folder):
    """As everywhere, but the files of the world outlive one test."""
    settings.VAR_DIR = folder
    settings.MEDIA_ROOT = folder / "files"
    settings.CACHES = LOCAL_CACHE


@pytest.fixture(scope="module")
def world(folder, django_db_setup, django_db_blocker) -> Iterator[tuple[dict[str, Any], People]]:
    """The world once for the whole module, gone at its end."""
    own = override_settings(VAR_DIR=folder, MEDIA_ROOT=folder / "files", CACHES=LOCAL_CACHE)
    with own, django_db_blocker.unblock(), transaction.atomic():
        yield world_objects(), world_people()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _undone(world, db):
    """What a test does to the world is undone at its end."""


def client_of(user: User | None) -> Client:
    client = Client(raise_request_exception=False)  # a fault is one finding among all
    if user is not None:
        client.force_login(user, backend=BACKEND)
    return client


def known_doors(objects: dict[str, Any]) -> Iterator[Door]:
    """Doors whose objects the world has; another test fails on the rest."""
    for door in all_doors():
        with suppress(UnknownKeyword):
            door.address(objects)
            yield door


def finding(door: Door, method: str, answer: Any) -> str:
    fault = getattr(answer, "exc_info", None)
    cause = f" {fault[0].__name__}: {fault[1]}" if fault else ""
    return f"{method} {door.route}: {answer.status_code}{cause}"


def open_door(client: Client, door: Door, objects: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Answers by method; a page that only takes POST is asked that way, with nothing typed."""
    address = door.address(objects)
    for method in door.methods:
        answer = _ask(client, method, address, door)
        yield method, answer
        if answer.status_code == 405 and not door.rules:
            yield "POST", _ask(client, "POST", address, door)


def _ask(client: Client, method: str, address: str, door: Door) -> HttpResponse:
    with transaction.atomic():
        if method == "GET":
            answer = client.get(address)
        else:
            body = {"content_type": "application/json"} if door.is_api else {}
            answer = client.generic(method, address, **body)
        transaction.set_rollback(True)
    return answer


def sees(user: User, door: Door, objects: dict[str, Any]) -> bool:
    """May the person see the object that the address is about?"""
    keyword = door.object_keyword()
    if keyword is None:
        return True
    rows = MODEL_OF_KEYWORD[keyword].objects.visible_to(User.objects.get(pk=user.pk))
    field = keyword if keyword == "payload_sha256" else "pk"
    return rows.filter(**{field: objects[keyword]}).exists()


def test_every_address_declares_who_may_open_it():
    undeclared = [
        f"{method} {door.route} ({door.name})"
        for door in all_doors()
        for method in door.methods
        if door.rule_for(method) is None
    ]
    assert not undeclared, "no access rule: " + ", ".join(undeclared)


def test_every_keyword_has_an_object_in_the_world(world):
    objects, _ = world
    missing = []
    for door in all_doors():
        try:
            door.address(objects)
        except UnknownKeyword as error:
            missing.append(str(error))
    assert not missing, "\n".join(missing)


def test_anonymous_people_open_public_doors_only(world):
    objects, _ = world
    wrong = []
    for door in known_doors(objects):
        for method, answer in open_door(client_of(None), door, objects):
            if not _fits_anonymous(door, method, answer):
                wrong.append(finding(door, method, answer))
    assert not wrong, "\n".join(wrong)


def _fits_anonymous(door: Door, method: str, answer: Any) -> bool:
    if door.rule_for(method).is_public or answer.status_code == 405:
        return answer.status_code < 500
    if door.is_api:
        return answer.status_code == 401
    return answer.status_code == 302 and answer["Location"].startswith("/accounts/")


def test_strangers_find_nothing_of_other_institutions(world):
    objects, people = world
    client, wrong = client_of(people.stranger), []
    for door in known_doors(objects):
        if door.object_keyword() is None:
            continue
        for method, answer in open_door(client, door, objects):
            admitted = door.rule_for(method).admits(people.stranger)
            expected = {404} if admitted else {403, 404}
            if answer.status_code not in {*expected, 405}:
                wrong.append(finding(door, method, answer))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", list(Role))
def test_doors_open_for_their_roles_and_no_other(world, role):
    objects, people = world
    user = people.by_role[role]
    client, wrong = client_of(user), []
    for door in known_doors(objects):
        if door.is_library:
            continue
        seen = sees(user, door, objects)
        for method, answer in open_door(client, door, objects):
            admitted = door.rule_for(method).admits(user)
            if not _fits_role(door, method, answer.status_code, admitted=admitted, seen=seen):
                wrong.append(
                    f"{finding(door, method, answer)} (admitted {admitted}, object seen {seen})"
                )
    assert not wrong, "\n".join(wrong)


def _fits_role(door: Door, method: str, status: int, *, admitted: bool, seen: bool) -> bool:
    if not admitted:
        return status == 403 or (status == 404 and not seen)
    if not seen:
        return status in {404, 405}
    if method == "GET":
        answered = status in ANSWERED or status in {405, NO_SUCH_PART.get(door.name)}
        return answered or _is_plain(door)
    return status < 500  # an act on nothing typed: done, refused or unreadable, never a fault


def _is_plain(door: Door) -> bool:
    """Addresses with a keyword that names no object: unknown values are told so."""
    return bool(door.keywords) and door.object_keyword() is None


@pytest.mark.parametrize("role", list(Role))
def test_account_pages_of_libraries_answer_members(world, role):
    objects, people = world
    client, wrong = client_of(people.by_role[role]), []
    for door in known_doors(objects):
        if door.is_library:
            answer = client.get(door.address(objects))
            if answer.status_code >= 500:
                wrong.append(finding(door, "GET", answer))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "role", [Role.SELLER_APPROVER, Role.BUYER_SIGNATORY, Role.OPERATOR, Role.VENUE_FINANCE]
)
def test_lists_are_exported_as_values_that_a_spreadsheet_adds_up(world, role):
    """No markup, no grouped digits, no dash for nothing: those are for the page."""
    objects, people = world
    client, lists, rows, wrong = client_of(people.by_role[role]), 0, 0, []
    for door in known_doors(objects):
        if "GET" not in door.methods or door.is_api or door.is_library:
            continue
        page = _ask(client, "GET", door.address(objects), door)
        if page.status_code != 200 or not (page.context or {}).get("exportable"):
            continue
        answer = client.get(door.address(objects), {"export": "csv"})
        assert answer["Content-Type"].startswith("text/csv"), door.route
        lists += 1
        for row in list(csv.reader(io.StringIO(answer.getvalue().decode())))[1:]:
            rows += 1
            wrong += [(door.route, cell) for cell in row if FOR_PAGES.search(cell)]
    assert lists >= 5
    assert rows >= 5
    assert not wrong, wrong


FOR_PAGES = re.compile(r"<|\d,\d{3}|^–$|^\d+\.\d+ %$")
WAITS = {
    Role.SELLER_ANALYST: set(),
    Role.SELLER_APPROVER: {"Release package PKG"},
    Role.SELLER_FINANCE: {"Agree statement STA"},
    Role.BUYER_SIGNATORY: {"Bid on lot LOT"},
    Role.BUYER_FINANCE: {"Agree statement STA"},
    Role.OPERATOR: {"Lot LOT is in bidding", "Decide on Newcomer Partners"},
    Role.VENUE_FINANCE: set(),
}


@pytest.mark.parametrize(("role", "expected"), WAITS.items())
def test_home_names_what_waits_for_the_role(world, role, expected):
    _, people = world
    needs = client_of(people.by_role[role]).get("/").context["needs"]
    assert {re.sub(r"-\d{4}-\d{4}", "", need.what) for need in needs.shown} == expected


def test_the_seller_never_learns_from_home_who_bids(world):
    _, people = world
    page = client_of(people.by_role[Role.SELLER_APPROVER]).get("/").content.decode()
    assert "Lakeside" not in page


def _planted() -> dict[str, str]:
    """Every ID number and mobile of the world's borrowers, and full names long enough to tell."""
    vault = opening_vault()
    found = {}
    for borrower in Borrower.objects.all():
        person = person_of(borrower, vault)
        for value in (person.id_number, person.mobile, person.name):
            if len(value) > 5:
                found[value] = str(borrower.pk)
    return found


# One of each side: what the others see is a part of this.
CANARY_ROLES = [
    None,
    Role.SELLER_ANALYST,
    Role.BUYER_SIGNATORY,
    Role.OPERATOR,
    Role.AUDITOR,
]


@pytest.mark.parametrize("role", CANARY_ROLES)
def test_planted_borrowers_stand_in_no_answer_and_no_log(world, role, caplog):
    objects, people = world
    planted, leaks = _planted(), []
    assert len(planted) > 50
    tell = re.compile("|".join(map(re.escape, planted)))
    client = client_of(people.by_role[role] if role else None)
    for door in known_doors(objects):
        if door.is_library or ("GET" not in door.methods and door.rules):
            continue
        answer = _ask(client, "GET", door.address(objects), door)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if hit := tell.search(_text_of(body) + str(answer.headers)):
            leaks.append(f"{door.route}: borrower {planted[hit[0]]}")
    assert not leaks, "\n".join(leaks)
    assert not tell.search(caplog.text)
    assert not [place for place, text in _left_behind(client) if tell.search(text)]


def _left_behind(client: Client) -> Iterator[tuple[str, str]]:
    """What requests leave in mail, in the cache and in files beside the stored ones."""
    client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
    assert mail.outbox, "the venue's mail goes through the box that is looked into"
    for sent in mail.outbox:
        yield "mail", str(sent.message())
    cache.set("canary", "looked into")
    kept = [entry for rows in locmem._caches.values() for entry in rows.items()]
    assert any("looked into" in str(value) for _, value in kept)
    for key, value in kept:
        yield "cache", f"{key} {value.decode('utf-8', 'replace')}"
    for path in Path(settings.VAR_DIR).rglob("*"):
        if path.is_file() and Path(settings.MEDIA_ROOT) not in path.parents:
            yield path.name, path.read_bytes().decode("utf-8", "replace")


def _text_of(body: bytes) -> str:
    """Text of an answer; of a PDF the text of its pages and its metadata."""
    if body.startswith(b"%PDF"):
        from pypdf import PdfReader

        document = PdfReader(io.BytesIO(body))
        return str(document.metadata) + "".join(page.extract_text() for page in document.pages)
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return "".join(
                archive.read(name).decode("utf-8", "replace") for name in archive.namelist()
            )
    return body.decode("utf-8", "replace")


def test_planted_borrowers_stand_in_no_evidence_job_or_cache(world):
    tell = re.compile("|".join(map(re.escape, _planted())))
    kept = [
        *(entry.canonical for entry in Entry.objects.all()),
        *(str(payload.body) for payload in Payload.objects.all()),
        *(f"{job.title} {job.message}" for job in Job.objects.all()),
        *(str(message.body) for message in OutboxMessage.objects.all()),
        *(str(vars(line)) for line in PersonalAccess.objects.all()),
        *(f"{tape.findings} {tape.completeness} {tape.layout}" for tape in Tape.objects.all()),
    ]
    assert len(kept) > 20
    assert [text for text in kept if tell.search(text)] == []
