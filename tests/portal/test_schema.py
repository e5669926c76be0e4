"""The API says what it does: a valid OpenAPI schema without a warning, and it keeps to it."""

from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from rest_framework.throttling import SimpleRateThrottle
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from npa_market.parties.services import issue_token

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_the_schema_is_valid_and_free_of_warnings():
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    assert "/api/v1/organisations/" in out.getvalue()


@pytest.mark.django_db
def test_every_operation_says_what_it_does(client):
    schema = client.get("/api/schema/", headers={"Accept": "application/json"}).json()
    silent = [
        f"{method.upper()} {path}"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if not operation.get("description")
    ]
    assert not silent, f"operations without a description: {silent}"


@pytest.mark.django_db
def test_the_browsable_page_runs_under_the_content_security_policy(client):
    page = client.get("/api/docs/")
    assert page.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == "'self'"
    assert "<script>" not in page.content.decode()


def declared() -> Any:
    """The schema as it is served, with the real WSGI application behind it."""
    document = SchemaGenerator(api_version="v1").get_schema(request=None, public=True)
    loaded = schemathesis.openapi.from_dict(document)
    loaded.app = get_wsgi_application()
    return loaded


@pytest.fixture
def _in_one_transaction(db, monkeypatch):
    """Requests share the test's connection and are not limited in number."""
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *_: True)
    # As Django's own test client does: a request must not close the test's connection.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def authorization(buyer_user, operator) -> dict[str, str]:
    _, text = issue_token(user=operator)
    return {"Authorization": f"Token {text}"}


schema = declared()


@schema.parametrize()
@pytest.mark.usefixtures("_in_one_transaction")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_keep_to_the_schema(case, authorization):
    """Generated requests, sensible and not, as the operator: no fault, no undeclared answer."""
    case.call_and_validate(headers=authorization, checks=CHECKS)
