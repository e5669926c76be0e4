"""What bidders see of the tables: no small cell, whatever the rows, and the same totals."""

from dataclasses import asdict

import numpy as np
import pytest
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.packages.bidder_grid import coarse_grid
from npa_market.packages.bidder_tables import (
    SMALLEST_CELL,
    SMALLEST_PUBLIC_CELL,
    SUMS,
    merged_groups,
    public_groups,
    table_for_bidders,
)
from npa_market.packages.classes import CLASSIFIERS, Classes
from npa_market.packages.page import shown_tables
from npa_market.packages.pictures import HEAT
from npa_market.packages.services import grant_reader
from npa_market.packages.stratify import (
    Stratification,
    _bands,
    _Pool,
    _whole,
    public_bands,
    stratify,
)
from tests.builders import sealed_package
from tests.packages.test_stratify import frame_of

LOANS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 25)), min_size=1, max_size=60)


def kept_table(loans, key):
    codes, borrowers = (np.array(column, dtype=np.int64) for column in zip(*loans, strict=True))
    amounts = np.arange(1, len(loans) + 1, dtype=np.int64)
    pool = _Pool(borrowers, amounts, amounts * 2, amounts * 3)
    classes = Classes(codes, tuple("abcdefgh"))
    return asdict(Stratification(key, key, tuple(_bands(classes, pool)), _whole(pool)))


@settings(max_examples=200, deadline=None)
@given(loans=LOANS, key=st.sampled_from(["age_months", "province"]))
def test_no_cell_is_small_and_the_totals_stay(loans, key):
    table = kept_table(loans, key)
    shown = table_for_bidders(table)
    assert shown["total"] == table["total"]
    for name in SUMS:
        assert sum(row[name] for row in shown["rows"]) == table["total"][name]
    counts, whole = [row["borrowers"] for row in table["rows"]], table["total"]["borrowers"]
    groups = merged_groups(counts, whole, is_ordered=CLASSIFIERS[key].is_ordered)
    assert sorted(place for group in groups for place in group) == list(range(len(counts)))
    labels = [row["label"] for row in table["rows"]]
    for group, row in zip(groups, shown["rows"], strict=True):
        inside = {labels[place] for place in group}
        truly = len({person for code, person in loans if "abcdefgh"[code] in inside})
        assert truly >= min(SMALLEST_CELL, whole)
        assert truly <= row["borrowers"] if row["borrowers_at_most"] else truly == row["borrowers"]


@settings(max_examples=100, deadline=None)
@given(loans=LOANS, columns=st.lists(st.integers(0, 4), min_size=60, max_size=60))
def test_no_cell_of_the_heat_map_is_small(loans, columns):
    rows, borrowers = (np.array(column, dtype=np.int64) for column in zip(*loans, strict=True))
    down, across = coarse_grid(
        Classes(rows, tuple("abcdefgh")),
        Classes(np.array(columns[: len(loans)]), tuple("vwxyz")),
        borrowers,
    )
    cells = {}
    for row, column, person in zip(down.codes, across.codes, borrowers, strict=True):
        cells.setdefault((row, column), set()).add(person)
    assert all(len(people) >= min(5, len(set(borrowers))) for people in cells.values())


@pytest.mark.parametrize(
    ("counts", "whole", "is_ordered", "expected"),
    [
        ([4, 5, 9], 18, True, [[0, 1], [2]]),
        ([5, 9, 4], 18, True, [[0], [1, 2]]),
        ([9, 4, 7], 20, False, [[0], [1, 2]]),
        ([9, 3, 2, 7], 21, False, [[0], [3], [1, 2]]),
        ([9, 3, 2, 7], 19, False, [[0], [1, 2, 3]]),  # The two may be the same people.
        ([1, 2], 3, False, [[0, 1]]),
        ([], 0, True, []),
    ],
)
def test_small_rows_join_a_neighbour_or_the_others(counts, whole, is_ordered, expected):
    assert merged_groups(counts, whole, is_ordered=is_ordered) == expected


def with_loan_bits(rows, seed):
    """A random frame whose principals are powers of two, so that a sum names its loans.

    Few borrowers have a second loan: where many have, all bands become one.
    """
    people = np.random.default_rng(seed).integers(0, rows * 20, rows)
    return frame_of(rows, seed).assign(
        borrower_token=[f"b{person}" for person in people],
        principal_minor=1 << np.arange(rows, dtype=np.int64),
        interest_minor=0,
    )


def are_unions(coarse, fine):
    """Whether each of the coarse sums of loan bits holds or leaves out every fine one."""
    return all(whole & part in (0, part) for whole in coarse for part in fine)


def borrowers_in(frame, loan_bits):
    inside = (frame["principal_minor"] & loan_bits) > 0
    return frame["borrower_token"][inside].nunique()


@settings(max_examples=80, deadline=None)
@given(
    rows=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
    key=st.sampled_from([*CLASSIFIERS]),
)
def test_every_row_of_a_notice_is_made_of_whole_rows_of_the_data_room(rows, seed, key):
    frame = with_loan_bits(rows, seed)
    room = table_for_bidders(asdict(stratify(frame, key)))
    notice = public_bands(frame, key)
    assert are_unions(
        [row.principal_minor for row in notice.rows],
        [row["principal_minor"] for row in room["rows"]],
    )
    least = min(SMALLEST_PUBLIC_CELL, frame["borrower_token"].nunique())
    for row in notice.rows:
        assert borrowers_in(frame, row.principal_minor) == row.borrowers >= least


@settings(max_examples=80, deadline=None)
@given(rows=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_the_bands_of_the_heat_map_are_made_of_whole_rows_of_the_tables_beside_it(rows, seed):
    frame = with_loan_bits(rows, seed)
    borrowers = frame["borrower_token"].factorize()[0]
    axes = coarse_grid(*(CLASSIFIERS[key].classify(frame) for key in HEAT), borrowers)
    for key, axis in zip(HEAT, axes, strict=True):
        bands = frame.groupby(axis.codes)["principal_minor"].sum()
        table = table_for_bidders(asdict(stratify(frame, key)))
        assert are_unions(bands, [row["principal_minor"] for row in table["rows"]]), key
    cells = frame["borrower_token"].groupby([axis.codes for axis in axes]).nunique()
    assert (cells >= min(SMALLEST_CELL, frame["borrower_token"].nunique())).all()


@pytest.mark.parametrize(
    ("counts", "is_ordered", "expected"),
    [
        ([6, 4, 3, 30], True, [[0, 1, 2], [3]]),  # The data room shows 6, 4 + 3, 30.
        ([30, 12, 3, 4], False, [[0], [1, 2, 3]]),
        ([30, 12, 11, 8, 3, 4], False, [[0], [1], [2], [3, 4, 5]]),
        ([30, 12, 11, 6, 4, 4, 4], False, [[0], [1], [2], [3, 4, 5, 6]]),  # 12 others stay whole.
    ],
)
def test_groups_of_a_notice_grow_from_those_of_the_data_room(counts, is_ordered, expected):
    assert public_groups(counts, sum(counts), is_ordered=is_ordered) == expected


def rows_of(tables):
    return [row for table in tables for row in table["rows"]]


def test_pages_and_api_show_bidders_and_venue_no_small_cell(
    seller_user, second_seller_user, buyer, buyer_user, operator, as_user
):
    sealed = sealed_package(seller_user, second_seller_user, count=40)
    grant_reader(package=sealed, reader=buyer)
    exact = sealed.overview["stratifications"]
    assert any(0 < row["borrowers"] < SMALLEST_CELL for row in rows_of(exact.values()))
    assert shown_tables(sealed, seller_user) == exact
    address = f"/api/v1/packages/{sealed.pk}/stratifications/"
    assert len(rows_of(as_user(seller_user).get(address).json())) == len(rows_of(exact.values()))
    merged = {key: table_for_bidders(table) for key, table in exact.items()}
    for outsider in (buyer_user, operator):
        rows = rows_of(as_user(outsider).get(address).json())
        assert min(row["borrowers"] for row in rows) >= SMALLEST_CELL
        assert shown_tables(sealed, outsider) == merged
    strata = reverse("packages:strata", args=[sealed.pk])
    for page in (
        as_user(buyer_user).get(strata),
        as_user(seller_user).get(strata, {"as": "bidder"}),
    ):
        shown = [row for each in page.context["tables"] for row in each["table"]["rows"]]
        assert len(shown) == len(rows_of(merged.values()))
        assert page.context["heat_columns"] == sealed.overview["pictures"]["bidder_heat"]["columns"]
    assert "Show what bidders see" in as_user(seller_user).get(strata).content.decode()
    part = as_user(buyer_user).get(
        reverse("packages:table", args=[sealed.pk]), {"table": "province"}, HTTP_HX_REQUEST="true"
    )
    assert len(part.context["table"]["rows"]) == len(merged["province"]["rows"])
