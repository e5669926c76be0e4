"""Pages of no room: home, running work, the institution one acts for, errors, health."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from npa_market.common.clock import database_now
from npa_market.common.models import Job, JobState
from npa_market.common.outbox import STUCK_ATTEMPTS, publish
from npa_market.parties.models import Membership
from npa_market.parties.roles import Role

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def job(seller, seller_user) -> Job:
    return Job.objects.create(
        kind="tape_import",
        title="Import of march.csv",
        organisation_id=seller.pk,
        started_by=seller_user,
        state=JobState.RUNNING,
        done=250,
        total=1000,
        created_at=database_now(),
        started_at=database_now() - timedelta(seconds=30),
    )


def test_home_greets_every_role_without_any_data(make_user, make_organisation, as_user):
    from npa_market.parties.roles import ROLES_OF_KIND

    for kind, roles in ROLES_OF_KIND.items():
        institution = make_organisation(f"House of {kind}", kind, delivery_public_key="age1x")
        for role in sorted(roles):
            page = as_user(make_user(f"{role}@example.com", institution, role)).get("/")
            assert page.status_code == 200
            assert "Nothing waits for you." in page.content.decode()


def test_home_names_the_application_that_waits_for_the_operator(
    operator, unqualified_buyer, as_user
):
    page = as_user(operator).get("/")
    assert [need.what for need in page.context["needs"].shown] == ["Decide on Newcomer Partners"]
    assert reverse("parties:detail", args=[unqualified_buyer.pk]) in page.content.decode()


@pytest.mark.parametrize("below", [0, 1])
def test_home_names_effects_that_failed_several_times(operator, as_user, below):
    stuck = publish("lot.ended", {})
    stuck.attempts = STUCK_ATTEMPTS - below
    stuck.save()
    needs = as_user(operator).get("/").context["needs"].shown
    assert [need.what for need in needs] == ["Look into undelivered messages"] * (1 - below)


def test_home_without_a_role_is_refused_in_plain_words(make_user, buyer, as_user):
    user = make_user("left@example.com", buyer, Role.BUYER_ANALYST)
    Membership.objects.filter(user=user).update(is_active=False)
    answer = as_user(user).get("/")
    assert answer.status_code == 403
    assert "none of your roles may open this page" in answer.content.decode()


def test_a_visitor_is_asked_to_sign_in_and_comes_back(client):
    answer = client.get("/evidence/?page=2")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/evidence/%3Fpage%3D2"


def test_a_running_job_polls_itself(job, seller_user, as_user):
    page = as_user(seller_user).get(f"/jobs/{job.pk}/").content.decode()
    assert 'aria-valuenow="25"' in page
    assert "250 of 1,000" in page
    assert "about 2 min left" in page
    assert f'hx-get="/jobs/{job.pk}/"' in page
    fragment = as_user(seller_user).get(f"/jobs/{job.pk}/", headers=HTMX)
    assert fragment.status_code == 200
    assert "<html" not in fragment.content.decode()


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_polling_stops_when_the_job_is_over(job, seller_user, as_user, state):
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=database_now())
    answer = as_user(seller_user).get(f"/jobs/{job.pk}/", headers=HTMX)
    assert answer.status_code == 286
    assert "hx-get" not in answer.content.decode()


def test_the_page_of_the_subject_is_loaded_anew_when_its_job_ends(job, seller_user, as_user):
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, ended_at=database_now())
    client = as_user(seller_user)
    at_tape = {**HTMX, "HX-Current-URL": "http://testserver/tapes/1/"}
    assert client.get(f"/jobs/{job.pk}/", headers=at_tape)["HX-Refresh"] == "true"
    at_job = {**HTMX, "HX-Current-URL": f"http://testserver/jobs/{job.pk}/"}
    assert "HX-Refresh" not in client.get(f"/jobs/{job.pk}/", headers=at_job)


def test_jobs_of_others_are_not_found(job, buyer_user, operator, as_user):
    for user in (buyer_user, operator):
        assert as_user(user).get(f"/jobs/{job.pk}/").status_code == 404


def test_one_acts_only_for_own_institutions(seller, buyer, buyer_user, as_user):
    Membership.objects.create(user=buyer_user, organisation=seller, role=Role.VALUER)
    client = as_user(buyer_user)
    for institution in (seller, buyer):
        client.post("/acting-for/", {"organisation": str(institution.pk), "next": "/"})
        assert client.get("/").context["request"].organisation == institution
    Membership.objects.filter(organisation=seller).update(is_active=False)
    assert client.post("/acting-for/", {"organisation": str(seller.pk)}).status_code == 404
    assert client.post("/acting-for/", {"organisation": "x"}).status_code == 422


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_the_switch_does_not_send_people_elsewhere(buyer, buyer_user, as_user, target):
    answer = as_user(buyer_user).post(
        "/acting-for/", {"organisation": str(buyer.pk), "next": target}
    )
    assert answer["Location"] == "/"


def test_a_room_within_another_is_the_only_one_marked(operator, as_user):
    client = as_user(operator)
    for address, label in (("/lots/control/", "Control room"), ("/lots/", "Lots"), ("/", "Home")):
        marked = re.findall(
            r'aria-current="page">([^<]+)</a>', client.get(address).content.decode()
        )
        assert marked == [label]


def test_navigation_shows_each_role_its_rooms(buyer_user, operator, as_user):
    def labels(user):
        return {link.label for link in as_user(user).get("/").context["frame"].links}

    assert "Institutions" in labels(operator)
    assert "Evidence" in labels(operator)
    assert labels(buyer_user).isdisjoint({"Institutions", "Evidence", "Tapes"})


def test_the_room_one_is_in_is_marked(operator, as_user):
    page = as_user(operator).get("/organisations/")
    assert [link.label for link in page.context["frame"].links if link.is_here] == ["Institutions"]


def test_errors_are_pages_for_people_and_problems_for_machines(buyer_user, as_user):
    page = as_user(buyer_user).get("/nowhere/")
    assert page.status_code == 404
    assert "There is nothing for you here" in page.content.decode()
    answer = as_user(buyer_user).get("/api/v1/nowhere/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:npa-market:problem:not_found"


def test_a_fault_says_nothing_of_the_inside(buyer_user, as_user, monkeypatch):
    def broken(self):
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr("npa_market.portal.views.needs_of", lambda *_: broken(None))
    monkeypatch.setattr("npa_market.parties.api.MeViewSet.get_serializer_class", broken)
    client = as_user(buyer_user)
    client.raise_request_exception = False
    page = client.get("/")
    assert page.status_code == 500
    assert "secret of the inside" not in page.content.decode()
    assert "Something broke on our side" in page.content.decode()
    answer = client.get("/api/v1/me/")
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.content.decode()


def test_an_old_form_is_told_so(buyer_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(buyer_user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/acting-for/", {})
    assert answer.status_code == 403
    assert "The form has expired" in answer.content.decode()


def test_sign_up_is_by_invitation(client):
    page = client.get("/accounts/signup/")
    assert "Accounts by invitation" in page.content.decode()


def test_people_do_not_change_the_address_they_are_known_by(buyer_user, as_user):
    client = as_user(buyer_user)
    assert buyer_user.email in client.get("/accounts/email/").content.decode()
    answer = client.post("/accounts/email/", {"action_add": "", "email": "new@example.com"})
    assert answer.status_code == 405


def test_health_and_readiness(client, settings, tmp_path):
    assert client.get("/healthz").json() == {"status": "alive"}
    folder = tmp_path / "broker"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_out": str(folder)}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert set(ready.json()["checks"]) == {"database", "migrations", "storage", "broker"}
    assert list(folder.iterdir()) == []


def test_readiness_names_what_is_broken(client, settings, tmp_path):
    blocked = tmp_path / "a-file"
    blocked.touch()
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_out": str(blocked / "broker")}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "NotADirectoryError"


def test_a_page_without_charts_weighs_less_than_400_kilobytes(operator, as_user):
    from django.contrib.staticfiles import finders

    page = as_user(operator).get("/").content
    assets = ["npa/app.css", "npa/app.js", "npa/charts.js", "npa/favicon.svg"]
    assets.append("django_htmx/htmx-2.min.js")
    total = len(page) + sum(Path(finders.find(name)).stat().st_size for name in assets)
    assert total < 400_000
    for name in assets:
        assert name in page.decode()
