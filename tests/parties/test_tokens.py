"""API tokens: made by password or in the portal, shown once, hashed, revocable, throttled."""

from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client
from knox.models import AuthToken
from rest_framework.throttling import ScopedRateThrottle

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput
from npa_market.evidence.models import Entry
from npa_market.parties.services import issue_token, revoke_token
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
TOKENS = "/api/v1/tokens/"


@pytest.fixture(autouse=True)
def _fresh_limits():
    cache.clear()


def ask(email: str, password: str = PASSWORD):
    return Client().post(
        TOKENS, {"email": email, "password": password}, content_type="application/json"
    )


def with_token(text: str) -> Client:
    return Client(headers={"Authorization": f"Token {text}"})


def test_a_password_buys_a_token_that_opens_the_api(buyer_user):
    answer = ask("Buyer@Example.com")
    assert answer.status_code == 201
    me = with_token(answer.json()["token"]).get("/api/v1/me/")
    assert me.json()["email"] == buyer_user.email
    assert {row["role"] for row in me.json()["memberships"]} == set(buyer_user.roles())


def test_a_token_is_kept_only_as_a_hash(buyer_user):
    _, text = issue_token(user=buyer_user)
    assert text not in str(AuthToken.objects.values_list().get())
    assert Entry.objects.about(buyer_user.pk).get().type == "token.issued"


@pytest.mark.parametrize("email", ["buyer@example.com", "nobody@example.com"])
def test_wrong_credentials_do_not_say_which_part_is_wrong(buyer_user, email):
    answer = ask(email, "wrong")
    assert answer.status_code == 401
    assert answer.json()["detail"] == "E-mail and password do not belong to an account."


def test_people_who_left_get_no_token(buyer_user):
    buyer_user.is_active = False
    buyer_user.save()
    assert ask(buyer_user.email).status_code == 401


def test_a_second_factor_is_not_bypassed(buyer_user):
    TOTP.activate(buyer_user, generate_totp_secret())
    answer = ask(buyer_user.email)
    assert answer.status_code == 403
    assert answer.json()["code"] == "second_factor_needed"
    assert not AuthToken.objects.exists()


def test_tries_are_limited(buyer_user, monkeypatch):
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"token": "3/min"})
    statuses = [ask(buyer_user.email, "wrong").status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert ask(buyer_user.email)["Retry-After"]


def test_failures_count_with_those_of_the_sign_in_page(buyer_user, monkeypatch):
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"token": "1000/min"})
    for _ in range(20):
        Client().post("/accounts/login/", {"login": buyer_user.email, "password": "wrong"})
    answer = ask(buyer_user.email)
    assert answer.status_code == 401
    assert "Too many" in answer.json()["detail"]


def test_a_revoked_token_stops_at_once_and_only_by_its_owner(buyer_user, operator):
    token, text = issue_token(user=buyer_user)
    assert not revoke_token(user=operator, token_key=token.token_key)
    assert with_token(text).get("/api/v1/me/").status_code == 200
    assert with_token(text).delete(f"{TOKENS}{token.token_key}/").status_code == 204
    assert with_token(text).get("/api/v1/me/").status_code == 401


def test_an_expired_token_opens_nothing_and_goes_with_the_next(buyer_user):
    old, text = issue_token(user=buyer_user)
    assert with_token(text).get("/api/v1/me/").status_code == 200
    AuthToken.objects.filter(pk=old.pk).update(expiry=database_now() - timedelta(seconds=1))
    assert with_token(text).get("/api/v1/me/").status_code == 401
    issue_token(user=buyer_user)
    assert not AuthToken.objects.filter(pk=old.pk).exists()


def test_a_token_of_somebody_who_left_opens_nothing(buyer_user):
    _, text = issue_token(user=buyer_user)
    buyer_user.is_active = False
    buyer_user.save()
    assert with_token(text).get("/api/v1/me/").status_code == 401


def test_lists_show_own_tokens_in_force(buyer_user, operator):
    token, text = issue_token(user=buyer_user)
    issue_token(user=operator)
    old, _ = issue_token(user=buyer_user, days=1)
    AuthToken.objects.filter(pk=old.pk).update(expiry=database_now() - timedelta(seconds=1))
    rows = with_token(text).get(TOKENS).json()
    assert [row["token_key"] for row in rows] == [token.token_key]


@pytest.mark.parametrize("days", [-1, 366])
def test_a_token_does_not_live_for_ever(buyer_user, days):
    with pytest.raises(InvalidInput):
        issue_token(user=buyer_user, days=days)


def test_the_page_shows_a_new_token_once_and_keeps_it_out_of_caches(buyer_user, as_user):
    client = as_user(buyer_user)
    made = client.post("/organisations/tokens/", {"days": "30"})
    text = made.context["secret"]
    assert text in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    assert text not in client.get("/organisations/tokens/").content.decode()
    assert with_token(text).get("/api/v1/me/").status_code == 200


def test_the_page_revokes(buyer_user, as_user):
    token, text = issue_token(user=buyer_user)
    answer = as_user(buyer_user).post(f"/organisations/tokens/{token.token_key}/revoke/")
    assert answer.status_code == 302
    assert with_token(text).get("/api/v1/me/").status_code == 401


def test_an_unknown_token_is_a_problem_document():
    answer = with_token("0" * 64).get("/api/v1/me/")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Token")
