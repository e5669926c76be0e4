"""Tables, charts, and the loans behind a cell: the same sums all the way down."""

import pytest
from django.urls import reverse

from npa_market.packages import drilling
from npa_market.packages.drilling import loans_page
from npa_market.packages.pictures import heat_rows, histogram, lorenz_curve
from npa_market.packages.sealed import read_table
from npa_market.packages.services import grant_reader
from tests.builders import screened_package, sealed_package


@pytest.fixture
def sealed(seller_user, second_seller_user):
    return sealed_package(seller_user, second_seller_user, count=40)


def test_the_loans_of_every_cell_make_its_row(sealed):
    for key, table in sealed.overview["stratifications"].items():
        for row in table["rows"]:
            page = loans_page(sealed, [(key, row["label"])])
            assert (page.loans, page.claim_minor) == (row["loans"], row["claim_minor"]), key


def test_pages_follow_each_other_without_a_gap(sealed, monkeypatch):
    monkeypatch.setattr(drilling, "ROWS", 7)
    seen, after = [], -1
    while after is not None:
        page = loans_page(sealed, [], after)
        seen += [row["loan_token"] for row in page.rows]
        after = page.after
    assert seen == read_table(sealed).column("loan_token").to_pylist()


def test_the_charts_hold_every_loan_and_all_of_the_claim(sealed):
    kept = sealed.overview["pictures"]
    assert sum(kept["claims"]["counts"]) == sealed.loans
    assert sum(map(sum, kept["heat"]["claim_minor"])) == sealed.claim_minor
    assert sum(row["share"] for row in heat_rows(kept["heat"])) == pytest.approx(1)
    shares = kept["lorenz"]["shares"]
    assert (shares[0], shares[-1]) == (0, 1)
    assert shares == sorted(shares)
    assert 0 <= kept["lorenz"]["gini"] < 1
    assert "The largest 20 % of the borrowers" in lorenz_curve(kept["lorenz"]).title
    assert len(histogram(kept["claims"], "CNY").rows()) == len(kept["claims"]["counts"])


def test_rows_are_the_sellers_and_tables_the_readers_too(
    sealed, seller_user, buyer, buyer_user, stranger, as_user
):
    strata = reverse("packages:strata", args=[sealed.pk])
    loans = reverse("packages:loans", args=[sealed.pk])
    own = as_user(seller_user)
    page = own.get(strata).content.decode()
    assert page.count("<tfoot>") == len(sealed.overview["stratifications"])
    assert f"{loans}?by=product&amp;class=Cash%20loan" in page
    cell = own.get(loans, {"by": "product", "class": "Cash loan", "by2": "sex", "class2": "Male"})
    assert "Product: Cash loan, Sex: Male" in cell.content.decode()
    nothing = own.get(loans, {"by": "product", "class": "Boat"}).content.decode()
    assert "No loan is in this cell" in nothing
    assert own.get(loans, {"by": "colour", "class": "x"}).status_code == 404
    grant_reader(package=sealed, reader=buyer)
    reader = as_user(buyer_user)
    assert loans not in reader.get(strata).content.decode()
    assert reader.get(loans).status_code == 403
    for url in (strata, loans):
        assert as_user(stranger).get(url).status_code == 404


def test_before_the_seal_there_are_tables_and_no_rows(seller_user, as_user):
    package = screened_package(seller_user, 6)
    client = as_user(seller_user)
    assert client.get(reverse("packages:strata", args=[package.pk])).status_code == 200
    assert client.get(reverse("packages:loans", args=[package.pk])).status_code == 404
