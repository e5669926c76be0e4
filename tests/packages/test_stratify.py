"""Stratification: whatever the frame, every table adds up to it."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.packages import distinct
from npa_market.packages.bands import balance_bands
from npa_market.packages.stratify import (
    STRATIFICATIONS,
    _exact_sums,
    completeness,
    public_bands,
    stratify,
    stratify_all,
    weighted_mean,
)

TEXTS = ["", "a", "substandard", "judged", "m", "25-34", "tier_1", "Henan", "live"]
MONTHS = [pd.NaT, *pd.to_datetime(["2019-01-31", "2024-02-29", "2025-12-31", "2026-01-01"])]
NUMBERS = {
    "original_amount_minor": 10**7,
    "credit_line_minor": 10**7,
    "annual_rate_bp": 5_000,
    "term_months": 60,
    "instalments_paid": 40,
    "days_overdue": 2_500,
    "age_months": 100,
    "months_since_payment": 40,
}


def frame_of(rows, seed, currency="CNY"):
    """A random frame in the sealed form, without receipts."""
    rng = np.random.default_rng(seed)
    parts = {name: rng.integers(0, 10**12, rows) for name in ("principal", "interest", "fees")}
    columns = {
        "loan_token": [f"{number:032x}" for number in range(rows)],
        "borrower_token": rng.choice([f"b{number}" for number in range(max(1, rows // 2))], rows),
        "currency": [currency] * rows,
        **{f"{name}_minor": amounts for name, amounts in parts.items()},
        "claim_minor": sum(parts.values()),
        "prior_placements": rng.integers(0, 9, rows),
    }
    for name in ("product", "grade", "province", "city_tier", "sex", "age_band", "status"):
        columns[name] = rng.choice(TEXTS, rows)
    columns["litigation_status"] = rng.choice(TEXTS, rows)
    for name, highest in NUMBERS.items():
        missing = rng.random(rows) < 0.2
        columns[name] = pd.array(
            np.where(missing, 0, rng.integers(0, highest, rows)), dtype="Int64"
        )
        columns[name][missing] = pd.NA
    for name in ("origination_date", "default_date", "charge_off_date", "last_contact_month"):
        columns[name] = pd.to_datetime(pd.Series(rng.choice(MONTHS, rows), dtype="datetime64[ms]"))
    columns["last_payment_date"] = columns["default_date"]
    columns["is_reachable"] = pd.array(rng.choice([True, False, None], rows), dtype="boolean")
    return pd.DataFrame(columns)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 60), seed=st.integers(0, 2**32 - 1))
def test_every_table_adds_up_to_the_frame(rows, seed):
    frame = frame_of(rows, seed)
    for key, table in stratify_all(frame).items():
        bands = table.rows
        assert table.total.loans == sum(band.loans for band in bands) == rows, key
        for name in ("principal_minor", "claim_minor"):
            summed = sum(getattr(band, name) for band in bands)
            assert getattr(table.total, name) == summed == int(frame[name].sum()), (key, name)
        total = int((frame["principal_minor"] + frame["interest_minor"]).sum())
        assert table.total.total_minor == sum(band.total_minor for band in bands) == total
        assert table.total.borrowers == frame["borrower_token"].nunique()
        assert table.total.borrowers <= sum(band.borrowers for band in bands)
        assert all(0 < band.borrowers <= band.loans for band in bands), key
        assert sum(band.share for band in bands) == pytest.approx(
            1 if table.total.claim_minor else 0
        )
        assert len({band.label for band in bands}) == len(bands)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(0, 80), seed=st.integers(0, 2**32 - 1), least=st.integers(1, 12))
def test_public_tables_have_no_small_row_and_add_up(rows, seed, least):
    frame = frame_of(rows, seed)
    for key in ("balance", "age_months", "product", "province", "sex", "contactability"):
        table = public_bands(frame, key, least)
        assert sum(band.loans for band in table.rows) == rows
        assert asdict(table.total) == asdict(stratify(frame, key).total)
        if frame["borrower_token"].nunique() >= least:
            assert all(band.borrowers >= least for band in table.rows), key
        else:
            assert len(table.rows) <= 1


def simple(**columns):
    rows = len(next(iter(columns.values())))
    frame = frame_of(rows, 1)
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("claim", "label"),
    [
        (99_999, "Under 1,000"),
        (100_000, "1,000 to under 3,000"),
        (299_999, "1,000 to under 3,000"),
        (300_000, "3,000 to under 5,000"),
        (20_000_000, "200,000 and more"),
    ],
)
def test_a_band_holds_its_lower_edge(claim, label):
    assert stratify(simple(claim_minor=[claim]), "balance").rows[0].label == label


def test_edges_follow_the_currency():
    assert balance_bands("JPY").edges[0] == 50_000
    assert balance_bands("USD").edges[0] == 500 * 100
    assert balance_bands("CHF").edges[0] == 500 * 100


@pytest.mark.parametrize(
    ("months", "label"),
    [
        (None, "Never"),
        (2, "Under 3 months ago"),
        (3, "3 to under 6 months ago"),
        (24, "24 and more months ago"),
    ],
)
def test_last_payment_knows_never(months, label):
    frame = simple(months_since_payment=pd.array([months], dtype="Int64"))
    assert stratify(frame, "last_payment").rows[0].label == label


def test_borrowers_in_two_bands_are_counted_in_both_and_once_in_the_total():
    frame = simple(borrower_token=["x", "x", "y"], sex=["m", "f", "m"], claim_minor=[100, 100, 100])
    table = stratify(frame, "sex")
    assert [(band.label, band.borrowers) for band in table.rows] == [("Female", 1), ("Male", 2)]
    assert table.total.borrowers == 2


def test_loans_per_borrower_counts_within_the_package():
    frame = simple(borrower_token=["x", "x", "y"])
    rows = stratify(frame, "loans_per_borrower").rows
    assert [(band.label, band.loans) for band in rows] == [("1", 1), ("2", 2)]


def test_unordered_tables_show_the_largest_claim_first():
    frame = simple(product=["a", "b", ""], claim_minor=[1, 5, 3])
    rows = stratify(frame, "product").rows
    assert [band.label for band in rows] == ["b", "Not given", "a"]


def test_quarters_stand_in_order_of_time():
    dates = pd.to_datetime(pd.Series(["2025-10-01", "2024-12-31", None]))
    rows = stratify(simple(charge_off_date=dates), "charge_off_quarter").rows
    assert [band.label for band in rows] == ["2024 Q4", "2025 Q4", "Not given"]


def test_completeness_counts_blank_texts_and_nulls():
    frame = simple(
        product=["a", ""],
        annual_rate_bp=pd.array([None, 5], dtype="Int32"),
        is_reachable=pd.array([None, None], dtype="boolean"),
    )
    found = {row.field: (row.filled, row.missing) for row in completeness(frame)}
    assert (found["product"], found["annual_rate_bp"], found["is_reachable"]) == (
        (1, 1),
        (1, 1),
        (0, 2),
    )


def test_weighted_mean_weighs_by_principal_and_interest_and_skips_gaps():
    frame = simple(
        principal_minor=[100, 200, 700],
        interest_minor=[0, 100, 0],
        days_overdue=pd.array([10, 20, None], dtype="Int64"),
    )
    assert weighted_mean(frame, "days_overdue") == pytest.approx((10 * 100 + 20 * 300) / 400)
    assert weighted_mean(frame.iloc[:0], "days_overdue") is None


def test_an_unknown_table_is_an_error_of_ours():
    assert len(STRATIFICATIONS) == 21
    with pytest.raises(KeyError):
        stratify(frame_of(1, 1), "moon")


def test_sums_are_exact_for_amounts_that_doubles_cannot_hold():
    amounts = np.array([2**52 + 1, 2**52 + 3, 1, 0, 7], dtype=np.int64)
    codes = np.array([0, 0, 1, 2, 1])
    assert _exact_sums(codes, amounts, 4).tolist() == [2**53 + 4, 8, 0, 0]


def test_borrowers_are_counted_alike_with_and_without_the_wide_table(monkeypatch):
    frame = frame_of(200, 1)
    wide = stratify_all(frame)
    monkeypatch.setattr(distinct, "MOST_CELLS", 0)
    assert stratify_all(frame) == wide
