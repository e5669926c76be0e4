"""Charts for bidders: no bar, curve point or group of the largest stands for few borrowers."""

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.packages.bidder_charts import (
    LARGEST_GROUP,
    curve_ranks,
    grouped_curve,
    largest_groups,
)
from npa_market.packages.bidder_tables import SMALLEST_CELL, table_for_bidders
from npa_market.packages.pictures import bidder_claims, lorenz_curve, pictures
from npa_market.packages.services import grant_reader
from npa_market.packages.stratify import stratify
from tests.builders import sealed_package
from tests.packages.test_bidder_tables import borrowers_in, with_loan_bits


def with_claims(rows, seed):
    claims = np.random.default_rng(seed).lognormal(13, 1.5, rows).astype(np.int64)
    return with_loan_bits(rows, seed).assign(claim_minor=claims)


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_no_bar_is_of_few_borrowers_even_less_a_row_of_the_balance_table(rows, seed):
    frame = with_claims(rows, seed)
    kept = bidder_claims(frame)
    assert sum(kept["counts"]) == rows
    table = table_for_bidders(asdict(stratify(frame, "balance")))
    least = min(SMALLEST_CELL, frame["borrower_token"].nunique())
    ends = [*kept["edges"][:-1], np.inf]
    for (low, high), count in zip(pairwise(ends), kept["counts"], strict=True):
        inside = (frame["claim_minor"] >= low) & (frame["claim_minor"] < high)
        assert inside.sum() == count
        bar = int(frame["principal_minor"][inside].sum())
        for row in table["rows"]:
            if common := bar & row["principal_minor"]:
                assert borrowers_in(frame, common) >= least


@st.composite
def sizes_and_cuts(draw):
    """A number of borrowers, and what a table of rows of at least five cuts off from the top."""
    parts = draw(st.lists(st.integers(SMALLEST_CELL, 60), min_size=1, max_size=12))
    return sum(parts), np.cumsum(parts)[:-1].tolist()


@settings(max_examples=300, deadline=None)
@given(package=sizes_and_cuts() | st.tuples(st.integers(0, 3_000), st.just([])))
def test_ranks_lie_five_borrowers_apart_from_each_other_and_from_the_balance_table(package):
    borrowers, beside = package
    from_the_top = {borrowers - rank for rank in curve_ranks(borrowers, beside)}
    assert {0, borrowers, *largest_groups(borrowers, beside)} <= from_the_top
    cuts = sorted(from_the_top | set(beside))
    assert all(high - low >= min(SMALLEST_CELL, borrowers) for low, high in pairwise(cuts))
    inner = sorted(from_the_top - {0, borrowers})
    assert not inner or inner[0] >= LARGEST_GROUP, "less the largest, whom a notice states"


@pytest.mark.parametrize(
    ("borrowers", "beside", "sizes"),
    [
        (14, [], []),
        (15, [], [10]),
        (30, [], [10, 20]),
        (30, [12], [12, 20]),
        (30, [7, 12], [12, 20]),
        (5_000, [], [10, 20, 50, 250, 500]),
    ],
)
def test_groups_of_the_largest(borrowers, beside, sizes):
    assert largest_groups(borrowers, beside) == sizes


def test_the_curve_has_exact_sums_at_its_points_and_nothing_between():
    owed = np.arange(1, 21, dtype=np.float64)
    curve = grouped_curve(owed, [])
    assert curve["borrowers"] == [0, 0.25, 0.5, 1]
    assert curve["shares"] == [0, round(15 / 210, 6), round(55 / 210, 6), 1]
    title = lorenz_curve(curve | {"gini": 0.3}).title
    assert title == "The largest 50 % of the borrowers owe 74 % of the claim"


def test_the_seller_sees_exact_charts_and_bidders_merged_ones(
    seller_user, second_seller_user, buyer, buyer_user, operator, as_user
):
    sealed = sealed_package(seller_user, second_seller_user, count=40)
    grant_reader(package=sealed, reader=buyer)
    kept = sealed.overview["pictures"]
    assert kept["claims"] != kept["bidder_claims"]
    strata = reverse("packages:strata", args=[sealed.pk])

    def drawn(client, **asked):
        context = client.get(strata, asked).context
        return list(context["histogram"].counts), list(context["lorenz"].lines[0].values)

    own = as_user(seller_user)
    assert drawn(own) == (kept["claims"]["counts"], kept["lorenz"]["shares"])
    merged = (kept["bidder_claims"]["counts"], kept["bidder_lorenz"]["shares"])
    for client in (as_user(buyer_user), as_user(operator)):
        assert drawn(client) == merged
    assert drawn(own, **{"as": "bidder"}) == merged


def test_a_package_screened_before_merged_charts_were_kept_shows_bidders_none(
    seller_user, second_seller_user, operator, as_user
):
    sealed = sealed_package(seller_user, second_seller_user, count=40)
    kept = sealed.overview["pictures"]
    sealed.overview["pictures"] = {name: kept[name] for name in ("claims", "heat", "lorenz")}
    type(sealed).objects.filter(pk=sealed.pk).update(overview=sealed.overview)
    page = as_user(operator).get(reverse("packages:strata", args=[sealed.pk]))
    assert not any(name in page.context for name in ("histogram", "lorenz", "heat"))


def test_a_package_without_loans_has_no_charts():
    assert pictures(with_claims(5, 1).iloc[:0]) == {}
