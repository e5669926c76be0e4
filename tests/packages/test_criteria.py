"""Criteria: named errors, the filter they mean, and the sentence they read as."""

from datetime import date

import pytest

from npa_market.common.errors import InvalidInput
from npa_market.packages.criteria import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_VALUES,
    compile_where,
    read_criteria,
)
from npa_market.packages.wording import sentence
from npa_market.tapes.models import Loan
from tests.builders import CUT_OFF, make_tape, one_loan


def where(node):
    return read_criteria({"where": node})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "Criteria are an object"),
        ({"filter": 1}, "Unknown part of criteria: filter"),
        ({"tapes": ["x"]}, "tape key is not a UUID"),
        ({"tapes": "x"}, "list of at most"),
        ({"disclose": "x"}, "list of screen rules"),
        ({"picked": "x"}, "list of picked loans"),
        ({"where": [1]}, "where: a condition or a group"),
        ({"where": {"all": []}}, "where.all: the group is empty"),
        ({"where": {"all": [], "any": []}}, "exactly one of all, any, not"),
        ({"where": {"all": [{"field": "name", "op": "in"}]}}, r"where.all\[0\]: the field is not"),
        ({"where": {"field": ["product"]}}, "not in the field dictionary"),
        ({"where": {"field": "claim", "op": "in", "value": [1]}}, "claim is compared by one of"),
        ({"where": {"field": "claim", "op": "at_least", "value": 1.5}}, "whole number from 0"),
        ({"where": {"field": "claim", "op": "at_least", "value": True}}, "whole number from 0"),
        ({"where": {"field": "claim", "op": "at_least", "value": -1}}, "whole number from 0"),
        ({"where": {"field": "claim", "op": "at_most", "value": 2**53}}, "whole number from 0"),
        ({"where": {"field": "claim", "op": "between", "value": [2, 1]}}, "lower limit is above"),
        ({"where": {"field": "claim", "op": "between", "value": [2]}}, "list of two values"),
        ({"where": {"field": "product", "op": "in", "value": []}}, "list of 1 to"),
        ({"where": {"field": "product", "op": "in", "value": ["a\x00"]}}, "at most 100 characters"),
        ({"where": {"field": "status", "op": "in", "value": ["gone"]}}, "status is one of live"),
        ({"where": {"field": "is_reachable", "op": "is", "value": "yes"}}, "true or false"),
        ({"where": {"field": "default_date", "op": "at_most", "value": "1/2/20"}}, "YYYY-MM-DD"),
        ({"where": {"field": "claim", "op": "given", "or": 1}}, "field, op and value only"),
    ],
)
def test_wrong_criteria_are_refused_with_place_and_reason(document, words):
    with pytest.raises(InvalidInput, match=words) as caught:
        read_criteria(document)
    assert caught.value.field == "criteria"


def nested(depth):
    node = {"field": "claim", "op": "given"}
    for _ in range(depth):
        node = {"not": node}
    return {"where": node}


def test_limits_on_size_hold_on_both_sides():
    condition = {"field": "claim", "op": "given"}
    read_criteria(nested(MAX_DEPTH))
    read_criteria({"where": {"any": [condition] * MAX_CONDITIONS}})
    values = [str(number) for number in range(MAX_VALUES + 1)]
    where({"field": "product", "op": "in", "value": values[:-1]})
    for document in (
        nested(MAX_DEPTH + 1),
        {"where": {"any": [condition] * (MAX_CONDITIONS + 1)}},
        {"where": {"field": "product", "op": "in", "value": values}},
    ):
        with pytest.raises(InvalidInput):
            read_criteria(document)


@pytest.fixture
def three_loans(seller, seller_user):
    """Numbers 1, 2, 3 that differ in every field of the table below; 3 misses what may be."""
    tape = make_tape(seller, seller_user)
    one_loan(
        tape,
        1,
        product="Cash loan",
        principal_minor=100_000,
        interest_minor=0,
        fees_minor=0,
        charge_off_date=date(2025, 6, 30),
        days_overdue=90,
        is_reachable=True,
        litigation_status="not_sued",
        last_payment_date=date(2026, 6, 1),
    )
    one_loan(
        tape,
        2,
        product="Instalment",
        principal_minor=200_000,
        interest_minor=0,
        fees_minor=0,
        charge_off_date=date(2025, 7, 1),
        days_overdue=91,
        is_reachable=False,
        litigation_status="in_suit",
        last_payment_date=None,
    )
    one_loan(
        tape,
        3,
        product="",
        principal_minor=300_000,
        interest_minor=0,
        fees_minor=0,
        charge_off_date=None,
        days_overdue=None,
        is_reachable=None,
        litigation_status="judged",
        last_payment_date=None,
    )


@pytest.mark.parametrize(
    ("node", "chosen"),
    [
        (None, {1, 2, 3}),
        ({"field": "product", "op": "in", "value": ["Cash loan"]}, {1}),
        ({"field": "product", "op": "not_in", "value": ["Cash loan"]}, {2, 3}),
        ({"field": "product", "op": "missing"}, {3}),
        ({"field": "product", "op": "given"}, {1, 2}),
        ({"field": "claim", "op": "at_least", "value": 200_000}, {2, 3}),
        ({"field": "claim", "op": "at_least", "value": 200_001}, {3}),
        ({"field": "claim", "op": "at_most", "value": 200_000}, {1, 2}),
        ({"field": "claim", "op": "between", "value": [100_001, 299_999]}, {2}),
        ({"field": "days_overdue", "op": "at_most", "value": 90}, {1}),
        ({"not": {"field": "days_overdue", "op": "at_most", "value": 90}}, {2, 3}),
        ({"field": "months_since_charge_off", "op": "at_least", "value": 12}, {1}),
        ({"field": "months_since_charge_off", "op": "at_most", "value": 11}, {2}),
        ({"field": "months_since_charge_off", "op": "between", "value": [11, 12]}, {1, 2}),
        ({"field": "charge_off_date", "op": "at_least", "value": "2025-07-01"}, {2}),
        ({"field": "months_since_payment", "op": "missing"}, {2, 3}),
        ({"field": "is_reachable", "op": "is", "value": True}, {1}),
        ({"field": "is_reachable", "op": "is", "value": False}, {2}),
        ({"not": {"field": "is_reachable", "op": "is", "value": True}}, {2, 3}),
        ({"field": "litigation_status", "op": "in", "value": ["in_suit", "judged"]}, {2, 3}),
        (
            {
                "any": [
                    {"field": "claim", "op": "at_most", "value": 100_000},
                    {
                        "all": [
                            {"field": "claim", "op": "at_least", "value": 300_000},
                            {"field": "is_reachable", "op": "missing"},
                        ]
                    },
                ]
            },
            {1, 3},
        ),
    ],
)
def test_the_filter_chooses_what_the_words_say(three_loans, node, chosen):
    criteria = read_criteria({"where": node} if node else {})
    numbers = Loan.objects.filter(compile_where(criteria, CUT_OFF)).values_list(
        "loan_number", flat=True
    )
    assert {int(number.rpartition("-")[2]) for number in numbers} == chosen


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (None, "All loans of the chosen tapes."),
        (
            {"field": "claim", "op": "between", "value": [100_000, 5_000_000]},
            "Loans where the claim is 1,000.00 to 50,000.00 CNY.",
        ),
        (
            {
                "all": [
                    {"field": "product", "op": "in", "value": ["Cash loan", "Instalment"]},
                    {
                        "any": [
                            {"field": "months_since_charge_off", "op": "at_least", "value": 12},
                            {"not": {"field": "is_reachable", "op": "is", "value": False}},
                        ]
                    },
                ]
            },
            "Loans where the product is Cash loan or Instalment and (months since charge-off is "
            "at least 12 or not (the borrower is not reachable)).",
        ),
        (
            {"field": "litigation_status", "op": "not_in", "value": ["judged"]},
            "Loans where the litigation status is not Judged, not enforced.",
        ),
    ],
)
def test_criteria_read_back_as_a_sentence(node, words):
    assert sentence(read_criteria({"where": node} if node else {}), "CNY") == words
