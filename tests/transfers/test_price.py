"""The money of a deal as a pure function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npa_market.transfers.price import MoneyTerms, price_of

MINOR = st.integers(min_value=0, max_value=10**14)
TERMS = st.builds(
    MoneyTerms,
    hammer_minor=MINOR,
    excluded_minor=st.just(0),
    receipts_minor=MINOR,
    receipts_cost_per_100k=st.integers(0, 100_000),
    deposit_minor=MINOR,
    fee_per_100k=st.integers(0, 20_000),
    tax_per_100k=st.integers(0, 100_000),
)


def terms(**changes: int) -> MoneyTerms:
    example = {
        "hammer_minor": 317_241_507,
        "excluded_minor": 690_000,
        "receipts_minor": 8_345_027,
        "receipts_cost_per_100k": 10_000,
        "deposit_minor": 50_000_000,
        "fee_per_100k": 100,
        "tax_per_100k": 6_000,
    }
    return MoneyTerms(**(example | changes))


@given(TERMS)
def test_L9_fee_tax_and_seller_net_are_what_the_buyer_pays(money):
    price = price_of(money)
    assert price.fee_minor + price.tax_minor + price.seller_net_minor == price.gross_minor
    assert money.deposit_minor + price.balance_minor == price.gross_minor


@given(TERMS)
def test_no_part_of_a_price_is_negative_and_no_receipt_is_lost(money):
    price = price_of(money)
    assert price.seller_net_minor >= 0
    assert price.receipts_credited_minor >= 0
    assert price.receipts_direct_minor >= 0
    assert (
        price.receipts_credited_minor + price.receipts_direct_minor + price.receipts_cost_minor
        == money.receipts_minor
    )


def test_receipts_above_the_price_are_owed_outside_the_venue():
    price = price_of(
        terms(hammer_minor=1_000_000, excluded_minor=0, receipts_minor=2_000_000, deposit_minor=0)
    )
    assert (price.seller_net_minor, price.receipts_direct_minor) == (0, 1_800_000 - 998_940)


def test_a_deposit_above_the_balance_comes_back():
    price = price_of(terms(hammer_minor=50_000_000, excluded_minor=0))
    assert price.balance_minor == -(8_345_027 - price.receipts_cost_minor)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hammer_minor": -1},
        {"receipts_minor": -1},
        {"deposit_minor": -1},
        {"excluded_minor": 317_241_508},
        {"fee_per_100k": 100_001},
    ],
)
def test_impossible_money_is_a_fault(wrong):
    with pytest.raises(ValueError, match="amounts of a deal|does not bear"):
        price_of(terms(**wrong))
