import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing import calibrate
from pricing.errors import (
    BadColumn,
    EmptyHistory,
    MissingColumn,
    MixedBasis,
    MixedCurrency,
    PricingError,
)
from pricing.history import read_history


def cash(**columns):
    base = {"loan_id": ["L0", "L0", "L1"], "age_month": [1, 2, 1], "cash": 5.0, "settled": False}
    return pd.DataFrame(base | columns)


def loans(**columns):
    base = {
        "loan_id": ["L0", "L1"], "balance": 1000.0, "product": "card", "cohort": "2020Q1",
        "observed_months": 6,
    }  # fmt: skip
    return pd.DataFrame(base | columns)


def joined(**columns):
    return cash(balance=1000.0, product="card", cohort="2020Q1", **columns)


def read(frame, table=None, **options):
    return read_history(frame, table, **({"currency": "CNY", "basis": "claim"} | options))


@pytest.mark.parametrize(
    ("columns", "column", "row"),
    [
        ({"cash": [5.0, -1.0, 0.0]}, "cash", 2),
        ({"cash": [5.0, np.nan, 0.0]}, "cash", 2),
        ({"cash": [np.inf, 0.0, 0.0]}, "cash", 1),
        ({"cash": [1.0, 2.0, "x"]}, "cash", 3),
        ({"age_month": [0, 1, 1]}, "age_month", 1),
        ({"age_month": [1, 1.5, 1]}, "age_month", 2),
        ({"age_month": [1, 601, 1]}, "age_month", 2),
        ({"age_month": [1, 7, 1]}, "age_month", 2),
        ({"age_month": [1, 1, 1]}, "age_month", 2),
        ({"settled": [False, None, False]}, "settled", 2),
        ({"loan_id": ["L0", "L2", "L1"]}, "loan_id", 2),
    ],
)
def test_a_bad_row_of_cash_is_named(columns, column, row):
    with pytest.raises(BadColumn) as refusal:
        read(cash(**columns), loans())
    assert (refusal.value.column, refusal.value.row) == (column, row)
    assert "L2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("columns", "column", "row"),
    [
        ({"balance": [1.0, 0.0]}, "balance", 2),
        ({"balance": [1.0, np.nan]}, "balance", 2),
        ({"loan_id": ["L0", "L0"]}, "loan_id", 2),
        ({"loan_id": ["L0", None]}, "loan_id", 2),
        ({"cohort": ["a", ""]}, "cohort", 2),
        ({"observed_months": [6, 601]}, "observed_months", 2),
        ({"entry_age": [0, 7]}, "observed_months", 2),
        ({"entry_age": [1, 0]}, "age_month", 1),
        ({"charge_off_date": ["2020-01-31", "soon"]}, "charge_off_date", 2),
        ({"prior_placements": [1, -1]}, "prior_placements", 2),
        ({"litigation_status": ["judged", "won"]}, "litigation_status", 2),
        ({"reachable": [True, "perhaps"]}, "reachable", 2),
    ],
)
def test_a_bad_row_of_loans_is_named(columns, column, row):
    with pytest.raises(BadColumn) as refusal:
        read(cash(), loans(**columns))
    assert (refusal.value.column, refusal.value.row) == (column, row)


@pytest.mark.parametrize("column", ["balance", "product", "cohort"])
def test_a_loan_that_changes_between_its_rows_is_refused(column):
    frame = joined()
    frame[column] = [frame[column][0], 7.0 if column == "balance" else "other", frame[column][2]]
    with pytest.raises(BadColumn, match="row 1 has another") as refusal:
        read(frame)
    assert (refusal.value.column, refusal.value.row) == (column, 2)


def test_a_bad_cell_of_a_loan_names_the_row_of_the_one_table():
    frame = joined(prior_placements=[1, 1, -1])
    with pytest.raises(BadColumn) as refusal:
        read(frame)
    assert (refusal.value.column, refusal.value.row) == ("prior_placements", 3)


@pytest.mark.parametrize("column", ["loan_id", "age_month", "cash", "balance", "product"])
def test_a_missing_column_is_named(column):
    with pytest.raises(MissingColumn) as refusal:
        read(joined().drop(columns=column))
    assert refusal.value.column == column


def test_the_end_of_watching_must_be_known_where_only_payments_are_listed():
    with pytest.raises(MissingColumn, match="observed_months"):
        read(cash(), loans().drop(columns="observed_months"))
    with pytest.raises(MissingColumn, match="charge_off_date"):
        read(joined(), observed_to="2020-06-30")


def test_a_loan_charged_off_after_watching_ended_is_refused():
    table = loans(charge_off_date=["2020-01-31", "2021-01-31"]).drop(columns="observed_months")
    with pytest.raises(BadColumn) as refusal:
        read(cash(age_month=[1, 2, 1]), table, observed_to="2020-06-30")
    assert (refusal.value.column, refusal.value.row) == ("charge_off_date", 2)


def test_one_currency_and_one_basis_throughout():
    with pytest.raises(MixedCurrency, match="USD"):
        read(cash(currency=["CNY", "USD", "CNY"]), loans())
    with pytest.raises(MixedBasis):
        read(cash(), loans(basis="principal"))
    with pytest.raises(MixedBasis):
        read(cash(), loans(), basis="total")
    with pytest.raises(MixedCurrency):
        read(cash(), loans(), currency="")


def test_an_empty_history_is_refused():
    with pytest.raises(EmptyHistory):
        read(joined().iloc[:0])
    with pytest.raises(EmptyHistory):
        read(cash(), loans().iloc[:0])
    with pytest.raises(EmptyHistory, match="watched for a month"):
        read(cash().iloc[:0], loans(observed_months=0))


def test_loans_that_never_paid_need_no_row_beside_a_table_of_loans():
    one = read(cash().iloc[:0], loans())
    assert one.payments == 0
    assert one.dormant.sum() == 12


def test_repeated_months_are_refused_or_added_as_asked():
    twice = cash(age_month=[1, 1, 1])
    with pytest.raises(BadColumn, match="row 1 is of the same month"):
        read(twice, loans())
    one = read(twice, loans(), repeats="add")
    assert one.payments == 2
    assert one.cash.sum() == 15


ROWS = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(1, 12), st.floats(0, 3000), st.booleans()
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: row[:2],
)  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(ROWS, st.lists(st.floats(0.01, 1e6), min_size=6, max_size=6))
def test_any_history_gives_finite_parameters_or_a_refusal(rows, balances):
    frame = pd.DataFrame(rows, columns=["loan_id", "age_month", "cash", "settled"])
    table = pd.DataFrame({"loan_id": range(6), "balance": balances, "product": "p"})
    table = table.assign(cohort=[f"202{n}" for n in range(6)], observed_months=12)
    one = read(frame, table)
    assert (one.dormant >= 0).all()
    assert (one.new <= one.dormant).all()
    assert (one.stay + one.settle <= one.paying).all()
    assert one.cash.sum() == pytest.approx(frame["cash"].sum())
    try:
        fitted = calibrate(one, name="any")
    except PricingError:
        assert one.payments == 0
    else:
        assert fitted.content_hash  # NaN and infinity have no canonical form
