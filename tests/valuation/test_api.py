"""The API: the same rows, rules and secrets as the pages."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from npa_market.parties.roles import Role
from npa_market.valuation.models import Valuation
from tests.valuation.conftest import QUICK

RUNS, SCENARIOS, FITS = (f"/api/v1/{name}/" for name in ("valuations", "scenarios", "fits"))


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


def test_repricing_and_scenarios(api, seller_user, sellers_run):
    client, run = api(seller_user), f"{RUNS}{sellers_run.pk}/"
    same = client.post(f"{run}reprice/", {}).json()
    assert same["price_minor"] == sellers_run.price_minor
    assert same["reserve_minor"] == sellers_run.reserve_minor
    assert "reference, not fitted" in same["calibration"]
    lower = client.post(f"{run}reprice/", {"terms": {"level": 0.8}}).json()
    assert lower["price_minor"] < sellers_run.price_minor
    made = client.post(
        SCENARIOS, {"valuation": str(sellers_run.pk), "name": "Low", "terms": {"level": 0.8}}
    )
    assert made.status_code == 201
    assert made.json()["price_minor"] == lower["price_minor"]
    assert made.json()["is_reference_calibration"] is True
    one = f"{SCENARIOS}{made.json()['id']}/"
    again = client.post(SCENARIOS, {"valuation": str(sellers_run.pk), "name": "Low", "terms": {}})
    assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "name")
    changed = client.put(one, {"name": "Lower", "terms": {"buyer_irr": 0.3}}).json()
    assert (changed["terms"]["level"], changed["terms"]["buyer_irr"]) == (0.8, 0.3)
    assert client.post(f"{one}duplicate/").json()["name"] == "Lower (2)"
    assert client.delete(one).status_code == 204
    listed = client.get(SCENARIOS, {"valuation": str(sellers_run.pk)}).json()["results"]
    assert [row["name"] for row in listed] == ["Lower (2)"]
    assert client.post(f"{one}restore/").json()["deleted_at"] is None


def test_comparison_and_cancel(api, seller_user, seller, package, sellers_run, ask):
    client = api(seller_user)
    other = ask(seller_user, seller, package, buyer_irr=0.3)
    document = client.get(f"{RUNS}{sellers_run.pk}/comparison/", {"second": str(other.pk)}).json()
    assert document["bridge"] == [
        {"step": "Buyer's IRR", "amount_minor": other.price_minor - sellers_run.price_minor}
    ]
    assert {"name", "first", "second", "difference"} <= set(document["rows"][0])
    for second in ("", "x", "00000000-0000-0000-0000-000000000000"):
        answer = client.get(f"{RUNS}{sellers_run.pk}/comparison/", {"second": second})
        assert answer.status_code == 422
    started = client.post(RUNS, {"package": str(package.pk), "terms": {**QUICK, "seed": 99}})
    run = f"{RUNS}{started.json()['id']}/"
    assert client.post(f"{run}cancel/").json()["state"] == "cancelled"
    assert client.post(f"{RUNS}{other.pk}/cancel/").status_code == 409


def test_calibrations_of_ones_own(
    api, seller_user, buyer_user, operator, package, django_capture_on_commit_callbacks
):
    client = api(seller_user)
    with django_capture_on_commit_callbacks(execute=True):
        asked = client.post(FITS, {"title": "Own", "package": str(package.pk)})
    assert asked.status_code == 202
    one = f"{FITS}{asked.json()['id']}/"
    assert client.get(one).json()["state"] == "done"
    document = client.get(f"{one}calibration/").json()
    assert document["is_fitted"]
    assert document["diagnostics"]["judged"]
    run = client.post(
        RUNS, {"package": str(package.pk), "calibration_name": asked.json()["id"], "terms": QUICK}
    )
    assert run.json()["fit"] == asked.json()["id"]
    assert run.json()["is_reference_calibration"] is False
    file = SimpleUploadedFile("h.csv", b"loan_id,cash,mobile\n")
    refused = client.post(
        f"{FITS}upload/",
        {"title": "File", "currency": "CNY", "file": file},
        format="multipart",
    )
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "file")
    assert api(buyer_user).get(one).status_code == 404
    assert api(buyer_user).get(FITS).json()["results"] == []
    assert api(operator).get(FITS).status_code == 403
