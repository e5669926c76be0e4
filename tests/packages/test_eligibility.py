"""The pre-sale screen: each rule on both sides of its limit."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from npa_market.packages import eligibility
from npa_market.packages.eligibility import RULES, Background, Identities, later_copies, screen
from npa_market.packages.screen_items import DISCLOSABLE, ITEMS, NOT_ON_TAPE
from npa_market.tapes.same_debt import Debts

CUT_OFF = date(2026, 6, 30)
A, B = b"a" * 16, b"b" * 16
CLEAN = {
    "id": A,
    "borrower_id": A,
    "loan_number": "1",
    "product": "Cash loan",
    "currency": "CNY",
    "principal_minor": 1_000,
    "interest_minor": 200,
    "fees_minor": 30,
    "claim_minor": 1_230,
    "original_amount_minor": 5_000,
    "origination_date": pd.Timestamp("2024-01-15"),
    "default_date": pd.Timestamp("2025-01-15"),
    "charge_off_date": pd.Timestamp("2025-07-15"),
    "last_payment_date": pd.NaT,
    "last_contact_date": pd.NaT,
    "litigation_status": "not_sued",
    "status": "live",
    "borrower__birth_year": 1990,
}


def loans(*changes):
    rows = [
        {**CLEAN, "id": bytes([n]) * 16, "loan_number": str(n), **change}
        for n, change in enumerate(changes)
    ]
    frame = pd.DataFrame(rows)
    for name in ("default_date", "charge_off_date", "last_payment_date", "last_contact_date"):
        frame[name] = pd.to_datetime(frame[name])
    codes = [pd.factorize(frame[name])[0] for name in ("loan_number", "borrower_id")]
    return frame.assign(later_copy=later_copies(*codes)).astype({"borrower__birth_year": "Int16"})


def background(**fields):
    return Background(currency="CNY", cut_off_date=CUT_OFF, **fields)


def hits(rule, frame, given=None):
    return RULES[rule](frame, given or background()).tolist()


@pytest.mark.parametrize("status", ["deceased", "bankrupt", "settled", "fraud", "disputed"])
def test_a_status_of_the_tape_hits_its_rule_alone(status):
    frame = loans({"status": status}, {"borrower_id": B})
    assert hits(status, frame) == [True, False]
    outcome = screen(frame, background(), ())
    assert outcome.keeps.tolist() == [False, True]
    assert {finding.rule for finding in outcome.findings if finding.hits} == {status}


def test_an_open_complaint_is_a_dispute_whatever_the_status_says():
    frame = loans({}, {"borrower_id": B}, {"borrower_id": b"c" * 16, "status": "disputed"})
    given = background(complained=identities(("0", A), ("1", A)))
    assert hits("disputed", frame, given) == [True, True, True]
    assert screen(frame, given, ("disputed",)).keeps.all()
    finding = next(each for each in screen(frame, given, ()).findings if each.rule == "disputed")
    assert (finding.hits, finding.borrowers, finding.excluded) == (3, 3, 3)


@pytest.mark.parametrize(
    ("change", "barred", "near"),
    [
        ({"default_date": "2023-06-30"}, True, False),
        ({"default_date": "2023-07-01"}, False, True),
        ({"default_date": "2023-12-30"}, False, True),
        ({"default_date": "2023-12-31"}, False, False),
        ({"default_date": "2020-01-01", "last_payment_date": "2024-01-01"}, False, False),
        ({"default_date": "2020-01-01", "last_contact_date": "2023-06-30"}, True, False),
        ({"default_date": "2020-01-01", "litigation_status": "judged"}, False, False),
        ({"default_date": None, "charge_off_date": "2023-01-01"}, True, False),
        ({"default_date": None, "charge_off_date": None}, False, False),
        ({"status": "time_barred"}, True, False),
    ],
)
def test_limitation_runs_three_years_from_the_last_beginning(change, barred, near):
    frame = loans(change)
    assert (hits("time_barred", frame), hits("limitation_near", frame)) == ([barred], [near])


def test_where_no_law_is_on_record_only_the_tapes_own_status_bars():
    frame = loans({"default_date": "2001-01-01"}, {"status": "time_barred"})
    given = Background(currency="USD", cut_off_date=CUT_OFF)
    assert hits("time_barred", frame, given) == [False, True]
    assert hits("limitation_near", frame, given) == [False, False]


def test_of_the_same_loan_on_several_tapes_the_latest_stays():
    same = {"loan_number": "7"}
    frame = loans(same, {}, same)
    assert hits("duplicate", frame) == [True, False, False]
    assert hits("duplicate_other_borrower", frame) == [False] * 3


def test_the_number_alone_makes_a_copy_and_another_borrower_is_told():
    same = {"loan_number": "7"}
    frame = loans(same, {}, same | {"borrower_id": B}, same)
    assert hits("duplicate", frame) == [True, False, False, False]
    assert hits("duplicate_other_borrower", frame) == [False, False, True, False]
    assert screen(frame, background(), ("look_alike",)).keeps.tolist() == [False, True, False, True]


def test_look_alikes_need_every_particular_to_agree():
    differing = [
        {"principal_minor": 1_001},
        {"interest_minor": 201},
        {"original_amount_minor": 5_001},
        {"origination_date": pd.Timestamp("2024-01-16")},
        {"product": "Instalment"},
        {"borrower_id": B},
    ]
    assert hits("look_alike", loans({}, *differing)) == [False] * 7
    assert hits("look_alike", loans({}, {})) == [True, False]


def test_loans_without_date_or_payout_are_no_look_alikes():
    for name in ("origination_date", "original_amount_minor"):
        assert hits("look_alike", loans({name: None}, {name: None})) == [False, False]


def test_an_older_copy_is_a_duplicate_and_not_a_look_alike():
    frame = loans({"loan_number": "7"}, {"loan_number": "7"})
    assert hits("duplicate", frame) == [True, False]
    assert hits("look_alike", frame) == [False, False]


def identities(*pairs):
    numbers, borrowers = zip(*pairs, strict=True)
    return Identities(pa.array(numbers), pa.array(borrowers, pa.binary(16)))


@pytest.mark.parametrize(
    ("field", "same", "other"),
    [
        ("sold", "sold", "sold_other_borrower"),
        ("live", "in_live_package", "in_live_other_borrower"),
    ],
)
def test_a_loan_number_is_taken_whoever_the_borrower_is_said_to_be(field, same, other):
    given = background(**{field: identities(("7", A), ("9", B), ("9", A))})
    frame = loans(
        {"loan_number": "7"},
        {"loan_number": "7", "borrower_id": B},
        {"loan_number": "8"},
        {"loan_number": "9"},
    )
    for compared in (frame, frame.astype({"loan_number": "category", "borrower_id": "category"})):
        assert hits(same, compared, given) == [True, False, False, True]
        assert hits(other, compared, given) == [False, True, False, False]
    assert screen(frame, given, ("look_alike",)).keeps.tolist() == [False, False, True, False]


def debts(*rows):
    """(number, borrower, changes) as debts of CLEAN."""
    known = [
        {**CLEAN, "loan_number": number, "borrower_id": key, **more} for number, key, more in rows
    ]
    return Debts(
        pa.array([row["loan_number"] for row in known]),
        pa.array([row["borrower_id"] for row in known], pa.binary(16)),
        pa.array([row["origination_date"] for row in known], pa.date32()),
        pa.array([row["original_amount_minor"] for row in known], pa.int64()),
        pa.array([row["product"] for row in known]),
    )


@pytest.mark.parametrize(
    ("field", "rule"), [("sold_debts", "sold_renumbered"), ("live_debts", "in_live_renumbered")]
)
def test_a_debt_is_taken_under_any_number_and_the_other_one_is_named(field, rule):
    given = background(**{field: debts(("N-1", A, {}), ("N-2", B, {"product": ""}), ("6", A, {}))})
    frame = loans(
        {"loan_number": "0"},
        {"loan_number": "1", "borrower_id": B, "product": "Any"},
        {"loan_number": "2", "product": ""},
        {"loan_number": "3", "product": "Other"},
        {"loan_number": "4", "original_amount_minor": 5_001},
        {"loan_number": "5", "origination_date": pd.Timestamp("2024-01-16")},
        {"loan_number": "6"},  # known by its number
        {"loan_number": "7", "original_amount_minor": None},
        {"loan_number": "8", "borrower_id": b"c" * 16},
    )
    coded = frame.astype(dict.fromkeys(("loan_number", "borrower_id", "product"), "category"))
    for compared in (frame, coded):
        assert np.flatnonzero(hits(rule, compared, given)).tolist() == [0, 1, 2]
    outcome = screen(frame, given, ("look_alike",))
    assert np.flatnonzero(~outcome.keeps).tolist() == [0, 1, 2]
    assert outcome.renumbered == (
        {"rule": rule, "number": "0", "other": "6"},
        {"rule": rule, "number": "1", "other": "N-2"},
        {"rule": rule, "number": "2", "other": "6"},
    )
    with pytest.raises(ValueError, match=rule):
        screen(frame, given, (rule,))


def test_numbers_are_compared_once_for_both_rules_and_anew_for_other_loans(monkeypatch):
    compared = []
    once = eligibility._matches
    monkeypatch.setattr(eligibility, "_matches", lambda *of: compared.append(of) or once(*of))
    given = background(sold=identities(("7", A)), live=identities(("8", A)))
    frame = loans({"loan_number": "7"}, {"loan_number": "8", "borrower_id": B})
    outcome = screen(frame, given, ())
    assert {finding.rule for finding in outcome.findings if finding.hits} == {
        "sold",
        "in_live_other_borrower",
    }
    assert len(compared) == 2
    assert hits("sold", loans({}, {"loan_number": "7"}), given) == [False, True]


def test_keys_that_end_in_zero_bytes_are_told_apart():
    short, long = b"\x01" * 15 + b"\x00", b"\x01" * 15 + b"\x02"
    frame = loans({"borrower_id": short}, {"borrower_id": long})
    given = background(sold=identities(("0", short), ("1", short)))
    assert hits("sold", frame, given) == [True, False]
    assert hits("sold_other_borrower", frame, given) == [False, True]


@pytest.mark.parametrize(("year", "is_minor"), [(2009, True), (2008, False), (None, False)])
def test_minor_by_year_of_birth(year, is_minor):
    assert hits("minor", loans({"borrower__birth_year": year})) == [is_minor]


@pytest.mark.parametrize(
    ("change", "is_wrong"),
    [
        ({}, False),
        ({"claim_minor": 1_231}, True),
        ({"principal_minor": 0, "interest_minor": 0, "fees_minor": 0, "claim_minor": 0}, True),
    ],
)
def test_parts_make_the_claim(change, is_wrong):
    assert hits("parts_wrong", loans(change)) == [is_wrong]


def test_another_currency_never_enters():
    assert hits("other_currency", loans({"currency": "USD"}, {})) == [True, False]


def test_a_loan_is_excluded_once_for_the_first_reason_and_counted_for_each():
    frame = loans({"status": "deceased", "borrower__birth_year": 2015}, {})
    by_rule = {finding.rule: finding for finding in screen(frame, background(), ()).findings}
    assert (by_rule["deceased"].hits, by_rule["deceased"].excluded) == (1, 1)
    assert (by_rule["minor"].hits, by_rule["minor"].excluded) == (1, 0)
    assert by_rule["deceased"].claim_minor == 1_230


@pytest.mark.parametrize("rule", DISCLOSABLE)
def test_disclosed_hits_stay_and_are_stated(rule):
    change = {
        "disputed": [{"status": "disputed"}],
        "look_alike": [{}, {}],
        "time_barred": [{"status": "time_barred"}],
        "limitation_near": [{"default_date": "2023-08-01"}],
    }[rule]
    frame = loans(*change)
    assert not screen(frame, background(), ()).keeps.all()
    outcome = screen(frame, background(), (rule,))
    finding = next(finding for finding in outcome.findings if finding.rule == rule)
    assert outcome.keeps.all()
    assert (finding.treatment, finding.hits, finding.excluded) == ("disclose", 1, 0)


def test_what_must_be_excluded_cannot_be_disclosed():
    with pytest.raises(ValueError, match="deceased"):
        screen(loans({}), background(), ("deceased",))


def test_every_item_has_a_rule_and_open_items_are_never_passed():
    assert [item.code for item in ITEMS] == list(RULES)
    outcome = screen(loans({}), background(), ())
    assert [finding.hits for finding in outcome.findings] == [0] * len(ITEMS) + [None] * len(
        NOT_ON_TAPE
    )


def test_no_loans_give_no_hits():
    outcome = screen(loans({}).iloc[:0], background(), ())
    assert outcome.keeps.dtype == np.bool_
    assert len(outcome.keeps) == 0
