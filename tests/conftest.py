"""One cast for every test: a seller, a qualified buyer, a stranger of each kind, the venue."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from rest_framework.test import APIClient

from npa_market.parties.models import Membership, Organisation, QualificationState, User
from npa_market.parties.roles import ROLES_OF_KIND, OrganisationKind, Role

PASSWORD = "correct-horse-battery-staple"


def pytest_addoption(parser):
    parser.addoption(
        "--database-only", action="store_true", help="leave out tests that use no database"
    )


def pytest_collection_modifyitems(config, items):
    """What no database sees runs once, on SQLite; the others again on the server's."""
    if not config.getoption("--database-only"):
        return
    kept, left = [], []
    for item in items:
        fixtures = {"db", "transactional_db", "served", "venue"} & set(item.fixturenames)
        marks = any(item.get_closest_marker(name) for name in ("django_db", "end_to_end"))
        (kept if fixtures or marks else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.fixture(autouse=True)
def _embedded(settings, tmp_path):
    """Files of a test stay in its folder; tasks run in the caller."""
    settings.VAR_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    from npa_market.config.celery import app

    app.conf.task_always_eager = True
    app.conf.task_eager_propagates = True


@pytest.fixture(autouse=True, scope="session")
def _flush_past_append_only_triggers():
    """SQLite empties tables between transactional tests by DELETE, which the triggers refuse.

    Only the emptying of the test database drops them, and puts them back at once.
    """
    from django.db import connection

    if connection.vendor != "sqlite":  # PostgreSQL truncates, which row triggers let pass.
        yield
        return
    DatabaseOperations = type(connection.ops)
    flush = DatabaseOperations.sql_flush

    def flush_past_triggers(self, style, tables, **options):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
        drops = [f'DROP TRIGGER "{name}"' for name, _ in triggers]
        return [*drops, *flush(self, style, tables, **options), *[sql for _, sql in triggers]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", flush_past_triggers)
        yield


@pytest.fixture
def make_organisation(db) -> Callable[..., Organisation]:
    def make(
        name: str, kind: OrganisationKind, qualification=QualificationState.QUALIFIED, **fields
    ) -> Organisation:
        return Organisation.objects.create(
            name=name,
            kind=kind,
            qualification=qualification,
            created_at=datetime(2026, 1, 5, tzinfo=UTC),
            **fields,
        )

    return make


@pytest.fixture
def make_user(db) -> Callable[..., User]:
    """A person with these roles (all of the organisation's kind where none is named)."""

    def make(email: str, organisation: Organisation, *roles: Role) -> User:
        user = User.objects.create_user(email, PASSWORD)
        for role in roles or ROLES_OF_KIND[OrganisationKind(organisation.kind)]:
            Membership.objects.create(user=user, organisation=organisation, role=role)
        return user

    return make


@pytest.fixture
def seller(make_organisation) -> Organisation:
    return make_organisation("Eastern Consumer Finance", OrganisationKind.SELLER)


@pytest.fixture
def buyer(make_organisation) -> Organisation:
    return make_organisation("Harbour Asset Management", OrganisationKind.BUYER)


@pytest.fixture
def other_buyer(make_organisation) -> Organisation:
    return make_organisation("Lakeside Capital", OrganisationKind.BUYER)


@pytest.fixture
def venue(make_organisation) -> Organisation:
    return make_organisation("The Venue", OrganisationKind.VENUE)


@pytest.fixture
def stranger_seller(make_organisation) -> Organisation:
    return make_organisation("Western Credit", OrganisationKind.SELLER)


@pytest.fixture
def unqualified_buyer(make_organisation) -> Organisation:
    return make_organisation(
        "Newcomer Partners", OrganisationKind.BUYER, QualificationState.APPLIED
    )


@pytest.fixture
def seller_user(seller, make_user) -> User:
    """Has every seller role; use `second_seller_user` where two people are needed."""
    return make_user("seller@example.com", seller)


@pytest.fixture
def second_seller_user(seller, make_user) -> User:
    return make_user("seller2@example.com", seller)


@pytest.fixture
def buyer_user(buyer, make_user) -> User:
    return make_user("buyer@example.com", buyer)


@pytest.fixture
def other_buyer_user(other_buyer, make_user) -> User:
    return make_user("buyer2@example.com", other_buyer)


@pytest.fixture
def operator(venue, make_user) -> User:
    return make_user("operator@example.com", venue)


@pytest.fixture
def stranger(stranger_seller, make_user) -> User:
    """Works for another seller: everything of ours is 404 to them."""
    return make_user("stranger@example.com", stranger_seller)


@pytest.fixture
def unqualified_user(unqualified_buyer, make_user) -> User:
    return make_user("newcomer@example.com", unqualified_buyer)


@pytest.fixture
def as_user() -> Callable[[User], Client]:
    """A signed-in test client."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture
def api() -> Callable[[User], APIClient]:
    """A client of the API that acts for somebody."""

    def client(user: User) -> APIClient:
        made = APIClient()
        made.force_authenticate(user)
        made.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return made

    return client
