"""The API: the same rows, rules and secrets as the pages."""

import pytest
from rest_framework.test import APIClient

from npa_market.parties.roles import Role
from npa_market.valuation.models import Valuation
from tests.valuation.conftest import QUICK

RUNS = "/api/v1/valuations/"


@pytest.fixture
def api():
    def client(user):
        signed_in = APIClient()
        signed_in.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return signed_in

    return client


def test_asking_for_a_run_and_reading_it(
    api, seller_user, package, django_capture_on_commit_callbacks
):
    client, asked = api(seller_user), {"package": str(package.pk), "terms": QUICK}
    with django_capture_on_commit_callbacks(execute=True):
        first = client.post(RUNS, asked)
    assert first.status_code == 202
    again = client.post(RUNS, asked)
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    valuation = Valuation.objects.get()
    shown = client.get(f"{RUNS}{valuation.pk}/").json()
    assert shown["price_minor"] == valuation.price_minor
    assert shown["is_reference_calibration"] is True
    assert shown["package_sha256"] == package.content_sha256
    assert client.get(RUNS).json()["results"][0]["id"] == str(valuation.pk)
    result = client.get(f"{RUNS}{valuation.pk}/result/").json()
    assert round(result["price"] * 100) == valuation.price_minor
    assert result["result_sha256"] == valuation.result_file_id


def test_somebody_elses_run_is_404(api, sellers_run, buyer_user, stranger, operator):
    for person, status in ((buyer_user, 404), (stranger, 404), (operator, 403)):
        for address in (f"{RUNS}{sellers_run.pk}/", f"{RUNS}{sellers_run.pk}/result/"):
            assert api(person).get(address).status_code == status
    assert api(buyer_user).get(RUNS).json()["results"] == []


@pytest.mark.parametrize(("role", "sees"), [(Role.VALUER, True), (Role.SELLER_FINANCE, False)])
def test_the_sellers_own_figures(api, role, sees, sellers_run, make_user, seller):
    client = api(make_user("one@example.com", seller, role))
    shown = client.get(f"{RUNS}{sellers_run.pk}/").json()
    assert shown["reserve_minor"] == (sellers_run.reserve_minor if sees else None)
    assert ("seller_rate" in shown["terms"]) is sees
    assert ("seller_reserve" in client.get(f"{RUNS}{sellers_run.pk}/result/").json()) is sees


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"terms": {"paths": 1000}}, "paths"),
        ({"terms": {"buyer_irr": -1}}, "buyer_irr"),
        ({"terms": {"wish": 1}}, "wish"),
        ({"terms": "cheap"}, "terms"),
        ({"calibration_name": "mine"}, "calibration_name"),
        ({"package": "PKG-1"}, "package"),
        ({"package": "00000000-0000-0000-0000-000000000000"}, "package"),
    ],
)
def test_bad_requests_are_problem_documents_that_name_the_field(
    change, field, api, seller_user, package
):
    answer = api(seller_user).post(RUNS, {"package": str(package.pk), "terms": QUICK, **change})
    assert answer.status_code == 422
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["field"] == field
    assert not Valuation.objects.exists()


def test_a_role_that_may_not_run_is_told_so(api, make_user, seller, package):
    person = make_user("one@example.com", seller, Role.SELLER_FINANCE)
    answer = api(person).post(RUNS, {"package": str(package.pk), "terms": QUICK})
    assert answer.status_code == 403
    assert answer.json()["code"] == "not_permitted"


def test_a_result_before_the_run_is_done_is_a_conflict(api, seller_user, package):
    started = api(seller_user).post(RUNS, {"package": str(package.pk), "terms": QUICK}).json()
    answer = api(seller_user).get(f"{RUNS}{started['id']}/result/")
    assert answer.status_code == 409
    assert answer.json()["code"] == "valuation_not_done"


def test_calibrations_name_their_sources_and_say_what_they_are(api, buyer_user, operator):
    rows = api(buyer_user).get("/api/v1/calibrations/").json()
    assert {row["currency"] for row in rows} == {"CNY", "USD"}
    for row in rows:
        assert row["sources"]
        assert not row["is_fitted"]
        assert "reference, not fitted" in row["title"]
    assert api(operator).get("/api/v1/calibrations/").status_code == 403
