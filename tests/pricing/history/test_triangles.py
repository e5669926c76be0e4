import numpy as np
import pandas as pd
import pytest

from pricing.history import read_history
from pricing.history.triangles import curves, triangle


def history(cash, loans):
    payments = pd.DataFrame(cash, columns=["loan_id", "age_month", "cash"])
    table = pd.DataFrame(loans, columns=["loan_id", "cohort", "observed_months", "balance"])
    return read_history(payments, table.assign(product="card"), currency="CNY", basis="claim")


@pytest.fixture
def two_cohorts():
    return history(
        [("A", 1, 10.0), ("A", 2, 5.0), ("A", 3, 5.0), ("B", 1, 60.0), ("B", 2, 30.0)],
        [("A", "2020Q1", 3, 100.0), ("B", "2020Q2", 2, 300.0)],
    )


def test_a_triangle_by_hand(two_cohorts):
    table = triangle(two_cohorts)
    assert table["cohort"].tolist() == ["2020Q1"] * 3 + ["2020Q2"] * 2
    assert table["cumulative_rate"].tolist() == pytest.approx([0.1, 0.15, 0.2, 0.2, 0.3])
    assert table["cash"].sum() == 110


def test_curve_and_development_by_hand(two_cohorts):
    """Month 1: 70 / 400; month 2: 35 / 400; month 3: only the first cohort, 5 / 100."""
    table = curves(two_cohorts)
    assert table["cumulative_rate"].tolist() == pytest.approx([0.175, 0.2625, 0.3125])
    assert np.isnan(table["development_factor"][0])
    factors = table["development_factor"][1:].tolist()
    assert factors == pytest.approx([(15 + 90) / (10 + 60), 0.2 / 0.15])
    assert table["low"].isna().all()


def test_a_band_needs_three_cohorts_and_holds_the_curve():
    rng = np.random.default_rng(2)
    names = [f"L{n}" for n in range(40)]
    cash = [(name, age, float(rng.uniform(1, 9))) for name in names for age in (1, 2, 3)]
    loans = [(name, f"2020Q{1 + n % 4}", 3, 100.0) for n, name in enumerate(names)]
    table = curves(history(cash, loans))
    assert (table["low"] < table["cumulative_rate"]).all()
    assert (table["cumulative_rate"] < table["high"]).all()


def test_a_loan_watched_for_less_does_not_bend_the_curve():
    """Two equal loans, one watched half as long: the rate of later months is the other's."""
    cash = [("A", age, 10.0) for age in range(1, 7)] + [("B", age, 10.0) for age in range(1, 4)]
    one = history(cash, [("A", "c", 6, 1000.0), ("B", "c", 3, 1000.0)])
    assert triangle(one)["rate"].tolist() == pytest.approx([0.01] * 6)


def test_products_are_shown_alone_and_together():
    payments = pd.DataFrame({"loan_id": ["A", "B"], "age_month": [1, 2], "cash": [1.0, 2.0]})
    loans = pd.DataFrame(
        {"loan_id": ["A", "B"], "product": ["x", "y"], "cohort": "c", "balance": 10.0,
         "observed_months": 2}
    )  # fmt: skip
    one = read_history(payments, loans, currency="CNY", basis="claim")
    table = triangle(one)
    assert set(table["product"]) == {"all", "x", "y"}
    assert table.loc[table["product"] == "all", "cash"].sum() == 3
