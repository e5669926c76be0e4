"""Events for machines: announced, listed, read, and a protocol that the stand-alone check takes."""

import pytest

from npa_market.auctions.models import Lot, SaleEvent
from npa_market.auctions.offline import check_protocol, seal
from tests.auctions.conftest import END, OPENING
from tests.auctions.sale_events.conftest import ALL, STARTS

pytestmark = pytest.mark.django_db
EVENTS = "/api/v1/events/"


def asked(packages, **changes) -> dict:
    return {
        "title": "Three regions",
        "packages": [
            {
                "package": str(package.pk),
                "start_price_minor": start,
                "deposit_minor": 10_000,
                "reserve_minor": start * 2,
            }
            for package, start in zip(packages, STARTS, strict=True)
        ],
        "registration_ends_at": OPENING.isoformat(),
        "opens_at": OPENING.isoformat(),
        "ends_at": END.isoformat(),
        **changes,
    }


def post(client, body):
    return client.post(EVENTS, body, content_type="application/json")


def test_the_seller_announces_an_event(as_user, clock, seller_user, buyer_user, packages):
    answer = post(as_user(seller_user), asked(packages))
    assert answer.status_code == 201, answer.content
    document = answer.json()
    assert document["whole_start_minor"] == ALL
    assert [lot["event_place"] for lot in document["lots"]] == [1, 2, 3]
    assert "reserve" not in answer.content.decode()
    client = as_user(buyer_user)
    assert client.get(f"{EVENTS}{document['id']}/").json()["lots"] == document["lots"]
    lot = client.get(f"/api/v1/lots/{document['lots'][0]['id']}/").json()
    assert (lot["sale_event"], lot["whole_start_minor"]) == (document["id"], ALL)
    assert post(client, asked(packages)).status_code == 403


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda ps: ps[:1], None, "packages"),
        (lambda ps: [ps[0], ps[0]], "package_twice", "twice"),
        (lambda ps: [{**ps[0], "start_price_minor": 0}, ps[1]], "not_positive", "Package 1"),
        (lambda ps: [ps[0], {**ps[1], "reserve_minor": 1}], "reserve_below_start", "Package 2"),
        (
            lambda ps: [{**p, "start_price_minor": 2**53 - 1, "reserve_minor": None} for p in ps],
            "amount_too_large",
            "sum of the start prices",
        ),
        (
            lambda ps: [ps[0], {**ps[1], "package": "00000000-0000-0000-0000-000000000000"}],
            "unknown_package",
            "no such package",
        ),
    ],
)
def test_bad_input_names_the_package_and_announces_nothing(
    as_user, clock, seller_user, packages, change, code, words
):
    body = asked(packages)
    body["packages"] = change(body["packages"])
    answer = post(as_user(seller_user), body)
    assert answer.status_code in {409, 422}, answer.content
    assert words in answer.content.decode()
    assert code is None or answer.json()["code"] == code
    assert not SaleEvent.objects.exists()
    assert not Lot.objects.exists()


def test_packages_of_other_sellers_and_currencies_make_no_event(
    as_user, clock, seller_user, packages, stranger_seller
):
    packages[1].currency = "EUR"
    packages[1].save(update_fields=["currency"])
    assert post(as_user(seller_user), asked(packages)).json()["code"] == "several_currencies"
    packages[1].currency, packages[1].seller = "CNY", stranger_seller
    packages[1].save(update_fields=["currency", "seller"])
    answer = post(as_user(seller_user), asked(packages))
    assert answer.status_code in {403, 404, 409}
    assert not SaleEvent.objects.exists()


def test_a_package_in_a_lot_is_in_no_event(announced_event, as_user, packages):
    answer = post(as_user(announced_event.seller_user), asked(packages))
    assert (answer.status_code, answer.json()["code"]) == (409, "package_taken")
    assert SaleEvent.objects.count() == 1


def test_the_protocol_comes_after_the_end_and_holds(market, as_user, clock):
    market.bid(0, 1, 150_000, 700_000)
    client = as_user(market.bidders[0][1])
    address = f"{EVENTS}{market.event.pk}/protocol/"
    early = client.get(address)
    assert (early.status_code, early.json()["code"]) == (409, "event_not_over")
    clock.now = END
    market.open()
    answer = client.get(address)
    document = check_protocol.read(answer.content)
    assert "sold as a whole" in check_protocol.check_all(document, None, None, seal)
    listed = client.get(EVENTS, {"outcome": "whole"}).json()
    assert [each["reference"] for each in listed["results"]] == [market.event.reference]


def test_strangers_see_no_event(announced_event, as_user, stranger):
    client = as_user(stranger)
    assert client.get(EVENTS).json()["results"] == []
    assert client.get(f"{EVENTS}{announced_event.event.pk}/").status_code == 404
