"""The doors of a statement."""

import pytest
from django.urls import reverse

from npa_market.settlement.models import Agreement, Statement
from npa_market.settlement.services import make_statement
from npa_market.transfers.models import Deal, DealState
from tests.transfers.deals import ID_NUMBER, NAME, delivered, paid


@pytest.fixture
def statement(cast) -> Statement:
    return make_statement(user=cast.finance, deal_id=delivered(cast).pk)


def url(name: str, statement: Statement) -> str:
    return reverse(f"settlement:{name}", args=[statement.pk])


def test_the_statement_is_made_from_the_page_of_the_deal(cast, as_user):
    deal = delivered(cast)
    page = as_user(cast.analyst).get(reverse("transfers:detail", args=[deal.pk]))
    assert "Make the settlement statement" in page.content.decode()
    answer = as_user(cast.analyst).post(reverse("settlement:new", args=[deal.pk]))
    assert answer["Location"] == url("detail", Statement.objects.get())


def test_a_deal_that_is_not_delivered_gets_no_statement(cast, as_user):
    deal = paid(cast)
    answer = as_user(cast.analyst).post(reverse("settlement:new", args=[deal.pk]), follow=True)
    assert "must be delivered" in answer.content.decode()
    assert not Statement.objects.exists()


def test_parties_and_venue_read_the_lines(cast, as_user, statement):
    for user in (cast.analyst, cast.buyer_user, cast.finance):
        text = as_user(user).get(url("detail", statement)).content.decode()
        for words in ("Hammer price", "Net to the seller", "3,172,415.07"):
            assert words in text
        for secret in (NAME, ID_NUMBER, "1,234,567.89", cast.loser.name):
            assert secret not in text
        assert statement.reference in as_user(user).get(reverse("settlement:list")).content.decode()


def test_a_stranger_finds_nothing(cast, as_user, statement, stranger, other_buyer_user):
    for user in (stranger, other_buyer_user):
        for name in ("detail", "workbook", "journal", "closing_journal"):
            assert as_user(user).get(url(name, statement)).status_code == 404
        assert as_user(user).post(url("agree", statement)).status_code == 404
        assert as_user(user).get(f"/api/v1/statements/{statement.pk}/").status_code == 404
        new = reverse("settlement:new", args=[statement.deal_id])
        assert as_user(user).post(new).status_code == 404


def test_the_files_are_downloads(cast, as_user, statement):
    client = as_user(cast.buyer_user)
    assert b"".join(client.get(url("workbook", statement)).streaming_content)[:2] == b"PK"
    journal = b"".join(client.get(url("journal", statement)).streaming_content).decode()
    assert journal.startswith("date,entry,kind,account,party,debit,credit,currency,lot,loan,text")
    assert client.get(url("closing_journal", statement)).status_code == 404


def test_both_desks_agree_on_the_page_and_the_deal_is_closed(cast, as_user, statement):
    seen = {"workbook_sha256": statement.workbook_id}
    for user, side in ((cast.analyst, cast.seller), (cast.buyer_user, cast.buyer)):
        page = as_user(user).get(url("detail", statement)).content.decode()
        assert f"Agree for {side}" in page
        assert as_user(user).post(url("agree", statement), seen).status_code == 302
    assert Deal.objects.get().state == DealState.CLOSED
    assert as_user(cast.analyst).get(url("closing_journal", statement)).status_code == 200
    assert "Agree for" not in as_user(cast.analyst).get(url("detail", statement)).content.decode()


def test_agreeing_to_another_workbook_is_refused_on_the_page(cast, as_user, statement):
    answer = as_user(cast.analyst).post(url("agree", statement), {"workbook_sha256": "0" * 64})
    assert answer.status_code == 409
    assert not Agreement.objects.exists()


def test_the_api_makes_and_agrees(cast, as_user):
    deal = delivered(cast)

    def post(user, path, data):
        return as_user(user).post(f"/api/v1/statements/{path}", data, "application/json")

    made = post(cast.finance, "", {"deal": str(deal.pk)})
    assert made.status_code == 201
    told = made.json()
    total = told["seller_net_minor"] + told["fee_minor"] + told["tax_minor"]
    assert told["deposit_minor"] + told["balance_minor"] == total
    seen = {"workbook_sha256": told["workbook_sha256"]}
    assert post(cast.analyst, f"{told['id']}/agree/", seen).json()["state"] == "half_agreed"
    assert post(cast.buyer_user, f"{told['id']}/agree/", seen).json()["state"] == "agreed"
    assert post(cast.finance, f"{told['id']}/agree/", seen).status_code == 403
