"""The public pages of notices."""

import pytest
from django.test import Client

from npa_market.auctions.models import Notice
from npa_market.auctions.notices.services import publish_premarketing
from npa_market.auctions.services import announce_lot
from npa_market.auctions.terms import Format
from npa_market.common.money import format_minor
from tests.auctions.conftest import OPENING, RESERVE, START, terms

DAY = OPENING.date()
pytestmark = pytest.mark.django_db


@pytest.fixture
def lot(clock, package, seller_user):
    return announce_lot(
        user=seller_user,
        package_id=package.pk,
        title="East",
        terms=terms(),
        remark="<script>alert(1)</script>",
    )


def test_anybody_reads_an_announcement_without_any_price(lot):
    answer = Client().get(lot.announcement.get_absolute_url())
    text = answer.content.decode()
    assert format_minor(lot.package.principal_minor, "CNY") in text
    for secret in (START, RESERVE):
        assert format_minor(secret, "CNY") not in text
        assert str(secret) not in text
    assert "<script>alert" not in text
    assert "Litigation status" in text


def test_the_document_is_the_one_that_was_hashed(lot):
    answer = Client().get(f"{lot.announcement.get_absolute_url()}document/").json()
    assert answer["document"] == lot.announcement.document
    assert answer["document_sha256"] == lot.announcement.document_sha256


def test_the_list_is_searched_and_exported(lot):
    page = Client().get("/notices/", {"title": "consumer"}).content.decode()
    assert lot.announcement.reference in page
    assert "these filters" in Client().get("/notices/", {"title": "ships"}).content.decode()
    rows = b"".join(Client().get("/notices/", {"export": "csv"}).streaming_content).decode()
    assert lot.announcement.reference in rows


def test_a_seller_publishes_and_withdraws_on_the_pages(clock, package, seller_user, as_user):
    client = as_user(seller_user)
    form = {"package": package.pk, "bidding_day": DAY.isoformat(), "remark": "Soon", "contact": ""}
    answer = client.post("/notices/new/", form, follow=True)
    notice = Notice.objects.get()
    assert f"{notice} is published" in answer.content.decode()
    refused = client.post(f"/notices/{notice.pk}/withdraw/", {"reason": ""})
    assert refused.status_code == 422
    done = client.post(f"/notices/{notice.pk}/withdraw/", {"reason": "New list"}, follow=True)
    assert "New list" in done.content.decode()


def test_a_stranger_cannot_withdraw(clock, package, seller_user, stranger, as_user):
    notice = publish_premarketing(user=seller_user, package_id=package.pk, bidding_day=DAY)
    answer = as_user(stranger).post(f"/notices/{notice.pk}/withdraw/", {"reason": "x"})
    assert answer.status_code == 403
    notice.refresh_from_db()
    assert notice.withdrawn_at is None


@pytest.fixture
def negotiated(clock, package, seller_user, buyer):
    return announce_lot(
        user=seller_user,
        package_id=package.pk,
        title="East",
        terms=terms(format=Format.NEGOTIATED, reserve_minor=None, invited=str(buyer.pk)),
    )


def test_the_notice_of_a_negotiated_lot_is_the_parties_alone(
    negotiated, seller_user, operator, buyer_user, other_buyer_user, stranger, as_user
):
    notice = negotiated.announcement
    others = [Client(), as_user(other_buyer_user), as_user(stranger)]
    parties = [as_user(seller_user), as_user(operator), as_user(buyer_user)]
    for client, expected in [(each, 404) for each in others] + [(each, 200) for each in parties]:
        address = notice.get_absolute_url()
        assert client.get(address).status_code == expected
        assert client.get(f"{address}document/").status_code == expected
        listed = notice.reference in client.get("/notices/").content.decode()
        rows = b"".join(client.get("/notices/", {"export": "csv"}).streaming_content).decode()
        assert listed == (notice.reference in rows) == (expected == 200)
    assert "invited" in notice.document["who_may_buy"]


def test_the_marketing_before_a_negotiated_lot_stays_public(
    clock, package, seller_user, other_buyer_user, buyer, as_user
):
    early = publish_premarketing(user=seller_user, package_id=package.pk, bidding_day=DAY)
    announce_lot(
        user=seller_user,
        package_id=package.pk,
        title="East",
        terms=terms(format=Format.NEGOTIATED, reserve_minor=None, invited=str(buyer.pk)),
    )
    for client in (Client(), as_user(other_buyer_user)):
        page = client.get("/notices/").content.decode()
        assert early.reference in page
        assert page.count("NTC-") == page.count(early.reference)
