"""L6: the hammer price falls on the loans to the cent."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.transfers.allocation import Basis, LoanShare, allocate_price

LOANS = st.lists(st.tuples(st.integers(1, 10**9), st.floats(-1e6, 1e7)), min_size=1, max_size=60)


@given(st.integers(0, 10**13), LOANS)
def test_L6_prices_sum_to_the_hammer_and_none_is_negative(hammer, rows):
    loans = [LoanShare(f"t{index:03}", claim) for index, (claim, _) in enumerate(rows)]
    values = {loan.token: value for loan, (_, value) in zip(loans, rows, strict=True)}
    basis, prices = allocate_price(hammer, loans, values)
    assert sum(prices) == hammer
    assert min(prices) >= 0
    if basis == Basis.VALUATION:
        assert all(price == 0 for price, (_, value) in zip(prices, rows, strict=True) if value <= 0)


def claim_prices(hammer: int, loans: list[LoanShare]) -> dict[str, int]:
    prices = allocate_price(hammer, loans, None)[1]
    return {loan.token: price for loan, price in zip(loans, prices, strict=True)}


@given(st.integers(0, 10**12), LOANS, st.randoms())
def test_L6_the_order_of_the_loans_changes_no_price(hammer, rows, random):
    loans = [LoanShare(f"t{index:03}", claim) for index, (claim, _) in enumerate(rows)]
    expected = claim_prices(hammer, loans)
    random.shuffle(loans)
    assert expected == claim_prices(hammer, loans)


def test_L6_ties_go_to_the_smaller_token():
    loans = [LoanShare("b", 1), LoanShare("a", 1)]
    assert allocate_price(3, loans, None) == (Basis.CLAIM, [1, 2])


def test_values_decide_where_there_are_values():
    loans = [LoanShare("a", 900), LoanShare("b", 100)]
    assert allocate_price(100, loans, {"a": 0.0, "b": 2.5}) == (Basis.VALUATION, [0, 100])


@pytest.mark.parametrize(
    "values",
    [None, {}, {"a": 1.0}, {"a": 1.0, "b": nan}, {"a": 1.0, "b": inf}, {"a": 0.0, "b": -1.0}],
    ids=["no run", "empty", "a loan is missing", "nan", "infinite", "worthless"],
)
def test_claims_decide_where_values_are_not_sound(values):
    loans = [LoanShare("a", 900), LoanShare("b", 100)]
    assert allocate_price(100, loans, values) == (Basis.CLAIM, [90, 10])
