"""Institutions over the API: the same services, rights and refusals as the pages."""

import pytest

from npa_market.parties.models import Organisation

pytestmark = pytest.mark.django_db
LIST = "/api/v1/organisations/"


def test_people_list_their_own_institutions_and_the_venue_all(
    seller, buyer, buyer_user, operator, venue, as_user
):
    own = as_user(buyer_user).get(LIST).json()["results"]
    assert [row["id"] for row in own] == [str(buyer.pk)]
    everybody = as_user(operator).get(LIST).json()["results"]
    assert {row["id"] for row in everybody} == {str(o.pk) for o in (seller, buyer, venue)}


def test_another_institution_is_not_found(seller, buyer_user, as_user):
    answer = as_user(buyer_user).get(f"{LIST}{seller.pk}/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_the_operator_decides_over_the_api(unqualified_buyer, operator, as_user):
    client, address = as_user(operator), f"{LIST}{unqualified_buyer.pk}/qualification/"
    refused = client.post(address, {"state": "refused"}, content_type="application/json")
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"field": "reason", "detail": "Say why: the institution reads this reason."}
    ]
    order = {"state": "refused", "reason": "No licence."}
    done = client.post(address, order, content_type="application/json")
    assert done.json()["qualification"] == "refused"


def test_buyers_do_not_decide(buyer, buyer_user, as_user):
    address = f"{LIST}{buyer.pk}/qualification/"
    answer = as_user(buyer_user).post(address, {"state": "refused"}, "application/json")
    assert answer.status_code == 403
    assert Organisation.objects.get(pk=buyer.pk).qualification == "qualified"


def test_a_wrong_key_is_a_named_refusal(buyer, buyer_user, as_user):
    answer = as_user(buyer_user).put(
        f"{LIST}{buyer.pk}/delivery-key/", {"public_key": "age1no"}, "application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "delivery_key_unreadable")
