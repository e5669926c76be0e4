import numpy as np
import pandas as pd
import pytest

from pricing import calibrate
from pricing.errors import BadColumn, EmptyHistory, MissingColumn, MixedBasis, MixedCurrency
from pricing.history.grouped import read_grouped, to_grouped
from pricing.history.synthetic import Deals, as_truth, synthetic_history
from tests.pricing.builders import reference


@pytest.fixture(scope="module")
def truth():
    return as_truth(reference())


@pytest.fixture(scope="module")
def loan_level(truth):
    deals = Deals(deals=9, loans=1500, months=18, has_attributes=False)
    return synthetic_history(truth, deals, seed=4).history()


def rows(**columns):
    base = {
        "segment": "card", "cohort": "2020Q1", "age_month": [1, 2], "n_dormant": [100, 90],
        "n_new": [10, 5], "n_paying": [0, 10], "n_stay": [0, 6], "n_settle": [0, 1],
        "cash": [1000.0, 900.0], "balance": [100_000.0, 100_000.0],
    }  # fmt: skip
    return pd.DataFrame(base | columns)


def read(frame):
    return read_grouped(frame, currency="CNY", basis="principal")


def test_grouping_keeps_the_counts_the_cash_and_nearly_the_fit(truth, loan_level):
    again = read(to_grouped(loan_level))
    for name in ("dormant", "new", "paying", "stay"):
        assert getattr(again, name).sum() == getattr(loan_level, name).sum() + (
            loan_level.settle.sum() if name == "stay" else 0
        )
    assert again.cash.sum() == pytest.approx(loan_level.cash.sum())
    loans, groups = (calibrate(one, name="a", base=truth) for one in (loan_level, again))
    for one, other in zip(loans.products, groups.products, strict=True):
        assert np.abs(np.subtract(one.log_odds, other.log_odds)).max() < 0.12
        assert other.settle == pytest.approx(0, abs=1e-12)
    assert any("grouped" in note for note in groups.diagnostics["notes"])


def test_lump_sums_apart_are_fitted_apart():
    one = read(rows(lump_cash=[0.0, 500.0]))
    assert one.has_closings
    assert one.settle.sum() == 1
    assert one.tickets[1, 0, 0, 3] == 500
    assert one.tickets[0, 0, 0, 3] == 1400


def test_counts_stand_where_they_belong():
    one = read(rows())
    assert one.dormant.tolist() == [[100, 90]]
    assert one.stay.tolist() == [[0, 7]]
    assert one.cohort_month.tolist() == [2020 * 12 + 1]
    assert one.loans == 100


@pytest.mark.parametrize(
    ("columns", "column", "row"),
    [
        ({"n_new": [101, 5]}, "n_new", 1),
        ({"n_stay": [0, 11]}, "n_stay", 2),
        ({"n_settle": [0, 5]}, "n_settle", 2),
        ({"n_dormant": [100, -1]}, "n_dormant", 2),
        ({"n_dormant": [100, 1.5]}, "n_dormant", 2),
        ({"age_month": [0, 2]}, "age_month", 1),
        ({"age_month": [1, 1]}, "age_month", 2),
        ({"cash": [-1.0, 0.0]}, "cash", 1),
        ({"cash": [1.0, np.nan]}, "cash", 2),
        ({"balance": [0.0, 1.0]}, "balance", 1),
        ({"lump_cash": [0.0, 901.0]}, "lump_cash", 2),
    ],
)
def test_a_cell_outside_its_rule_is_named(columns, column, row):
    with pytest.raises(BadColumn) as refusal:
        read(rows(**columns))
    assert (refusal.value.column, refusal.value.row) == (column, row)


def test_missing_columns_units_and_rows_are_refused():
    with pytest.raises(MissingColumn, match="n_stay"):
        read(rows().drop(columns="n_stay"))
    with pytest.raises(EmptyHistory):
        read(rows().iloc[:0])
    with pytest.raises(MixedCurrency):
        read(rows(currency=["CNY", "USD"]))
    with pytest.raises(MixedBasis):
        read(rows(basis="claim"))
