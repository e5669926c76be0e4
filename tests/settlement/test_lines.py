"""The lines of a statement: the worked example to the cent, and the laws for any deal."""

import pytest
from hypothesis import given

from npa_market.settlement.lines import (
    Line,
    Sign,
    StatementLines,
    check_totals,
    statement_lines,
)
from npa_market.transfers.price import MoneyTerms
from tests.transfers.test_price import TERMS

EXAMPLE = MoneyTerms(
    hammer_minor=317_241_507,
    excluded_minor=690_000,
    receipts_minor=8_345_027,
    receipts_cost_per_100k=10_000,
    deposit_minor=50_000_000,
    fee_per_100k=100,
    tax_per_100k=6_000,
)


def test_the_worked_example_comes_out_to_the_cent():
    lines = statement_lines(EXAMPLE, excluded_loans=3)
    assert {line.key: line.amount_minor for line in lines.lines} == {
        "hammer": 3_172_415_07,
        "excluded": 6_900_00,
        "adjusted": 3_165_515_07,
        "receipts": 83_450_27,
        "receipts_cost": 8_345_03,
        "receipts_direct": 0,
        "receipts_to_buyer": 75_105_24,
        "deposit": 500_000_00,
        "balance": 2_590_409_83,
        "deposit_again": 500_000_00,
        "gross": 3_090_409_83,
        "fee": 3_165_52,
        "tax": 189_93,
        "seller_net": 3_087_054_38,
    }


def test_the_lines_stand_in_the_order_of_the_rules():
    order = [line.key for line in statement_lines(EXAMPLE).lines]
    assert order.index("adjusted") < order.index("receipts") < order.index("deposit")
    assert order.index("deposit") < order.index("balance") < order.index("fee")
    assert order[-1] == "seller_net"


@given(TERMS)
def test_L9_deposit_and_balance_are_seller_net_fee_and_tax(terms):
    lines = statement_lines(terms)
    assert lines["deposit"] + lines["balance"] == lines["seller_net"] + lines["fee"] + lines["tax"]


@given(TERMS)
def test_every_total_is_the_sum_of_what_stands_above(terms):
    check_totals(statement_lines(terms))


@pytest.mark.parametrize("key", ["hammer", "deposit", "fee", "seller_net", "balance"])
def test_one_cent_too_many_is_found(key):
    lines = [
        Line(line.key, line.label, line.amount_minor + (line.key == key), line.sign)
        for line in statement_lines(EXAMPLE).lines
    ]
    with pytest.raises(ValueError, match="does not add up"):
        check_totals(StatementLines(tuple(lines)))


def test_a_line_that_is_not_there_is_a_fault():
    with pytest.raises(KeyError):
        statement_lines(EXAMPLE)["interest"]


def test_notes_are_no_part_of_the_sums():
    notes = {line.key for line in statement_lines(EXAMPLE).lines if line.sign == Sign.NOTE}
    assert notes == {"receipts", "receipts_cost", "receipts_direct"}
