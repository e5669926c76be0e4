"""Whatever file or page of tables a buyer takes, no row of fewer than five borrowers is in it."""

import pytest
from django.urls import reverse

from npa_market.common.money import format_minor
from npa_market.diligence.models import RoomDocument
from npa_market.packages.bidder_tables import SMALLEST_CELL, SUMS
from npa_market.packages.services import grant_reader
from tests.diligence.test_pages import admitted, body, pdf_text, take, url

__all__ = ["admitted"]
MONEY = tuple(name for name in SUMS if name.endswith("_minor"))
TABLE_PARTS = ({}, {"export": "csv"}, {"export": "xlsx"}, {"format": "csv"}, {"as": "seller"})


@pytest.fixture
def small_sums(shown) -> set[str]:
    """The money of every row that only the seller may see, as files and as pages write it."""
    rows = [
        row
        for table in shown.package.overview["stratifications"].values()
        for row in table["rows"]
        if row["borrowers"] < SMALLEST_CELL
    ]
    sums = {row[name] for row in rows for name in MONEY}
    assert len(sums) > 10
    return {str(each) for each in sums} | {format_minor(each, "CNY") for each in sums}


def words_of(text: str) -> set[str]:
    """Numbers of a page, CSV or JSON, each as one word."""
    for mark in '<>"{}[]():;≤\n':
        text = text.replace(mark, " ")
    return {word.strip(",") for word in text.split()}


def test_the_seller_alone_gets_the_exact_rows(shown, small_sums, seller_user, as_user):
    strata = as_user(seller_user).get(reverse("packages:strata", args=[shown.package.pk]))
    assert small_sums & words_of(strata.content.decode())


def test_pages_and_api_give_a_buyer_merged_rows_in_every_form(
    shown, admitted, small_sums, buyer, buyer_user, as_user
):
    grant_reader(package=shown.package, reader=buyer)
    client = as_user(buyer_user)
    keys = shown.package.overview["stratifications"]
    for asked in TABLE_PARTS:
        addresses = [
            shown.package.get_absolute_url(),
            reverse("packages:strata", args=[shown.package.pk]),
            f"/api/v1/packages/{shown.package.pk}/stratifications/",
            f"/api/v1/packages/{shown.package.pk}/",
        ]
        for address in addresses:
            answer = client.get(address, asked)
            assert answer.status_code in (200, 404)
            assert not small_sums & words_of(body(answer).decode()), (address, asked)
        for key in keys:
            part = client.get(
                reverse("packages:table", args=[shown.package.pk]), {"table": key} | asked
            )
            assert not small_sums & words_of(body(part).decode()), (key, asked)


def test_documents_of_the_room_hold_no_exact_table(
    shown, admitted, small_sums, buyer_user, as_user
):
    """The tape is left out: it gives each loan, in the bidder's form, and no table."""
    client = as_user(buyer_user)
    manifest = take(client, shown.room, RoomDocument.MANIFEST).decode()
    assert not small_sums & words_of(manifest)
    assert "stratifications" not in manifest
    pages = pdf_text(take(client, shown.room, RoomDocument.REPORT))
    for number, text in enumerate(pages, start=1):
        assert not small_sums & words_of(text), number


@pytest.mark.parametrize("name", ["parquet", "csv", "manifest", "loans"])
def test_files_of_exact_rows_are_closed_to_an_admitted_buyer(
    shown, admitted, buyer, buyer_user, as_user, name
):
    grant_reader(package=shown.package, reader=buyer)
    answer = as_user(buyer_user).get(reverse(f"packages:{name}", args=[shown.package.pk]))
    assert answer.status_code == 403
    assert as_user(buyer_user).get(url("room", shown.room)).status_code == 200
