import numpy as np
import pandas as pd
import pytest

from pricing.errors import TooManyKinds
from pricing.history import read_history
from pricing.history.counts import INSTALMENT, LUMP, merged_products


def payments(*rows, columns=("loan_id", "age_month", "cash", "settled")):
    return pd.DataFrame([dict(zip(columns, row, strict=False)) for row in rows])


def loans(count=2, **columns):
    base = {
        "loan_id": [f"L{number}" for number in range(count)],
        "balance": 1000.0,
        "product": "card",
        "cohort": "2020Q1",
        "observed_months": 6,
    }
    return pd.DataFrame(base | columns, index=range(count))


def history(cash, table, **options):
    return read_history(cash, table, currency="CNY", basis="principal", **options)


def test_two_loans_counted_by_hand():
    """L0 pays in months 2, 3, closes in 4; L1 pays in month 6, the last one watched."""
    one = history(
        payments(
            ("L0", 2, 50.0, False),
            ("L0", 3, 60.0, False),
            ("L0", 4, 500.0, True),
            ("L1", 6, 10.0, False),
        ),
        loans(),
    )
    assert one.dormant.sum(axis=0).tolist() == [2, 2, 1, 1, 1, 1]
    assert one.new.sum(axis=0).tolist() == [0, 1, 0, 0, 0, 1]
    assert one.paying.sum(axis=0).tolist() == [0, 0, 1, 1, 0, 0]
    assert one.stay.sum(axis=0).tolist() == [0, 0, 1, 0, 0, 0]
    assert one.settle.sum(axis=0).tolist() == [0, 0, 0, 1, 0, 0]
    assert one.cash.sum(axis=(0, 1)).tolist() == [0, 50, 60, 500, 0, 10]
    assert one.balance.sum(axis=(0, 1)).tolist() == [2000.0] * 6
    assert one.tickets[INSTALMENT, 0, 0, :2].tolist() == [3, pytest.approx(0.12)]
    assert one.tickets[LUMP, 0, 0, :2].tolist() == [1, pytest.approx(0.5)]


def test_a_gap_is_a_month_without_cash_and_ends_a_row_of_payments():
    one = history(payments(("L0", 1, 5.0), ("L0", 3, 5.0)), loans(1))
    assert one.new.sum() == 2
    assert one.paying.sum() == 2
    assert one.stay.sum() == 0


def test_a_loan_paid_in_full_leaves_and_its_last_ticket_counts_as_cut():
    one = history(payments(("L0", 1, 400.0), ("L0", 2, 600.0)), loans(1))
    assert one.dormant.sum(axis=0).tolist() == [1, 0, 0, 0, 0, 0]
    assert one.stay.sum() == 1
    assert one.tickets[INSTALMENT].sum(axis=(0, 1))[0] == 1
    assert one.cut[INSTALMENT, 0].sum(axis=0).tolist() == [1, 1000]


def test_cash_after_closing_is_kept_as_cash_and_noted():
    cash = payments(("L0", 1, 10.0, False), ("L0", 2, 100.0, True), ("L0", 3, 40.0, False))
    one = history(cash, loans(1))
    assert one.cash.sum() == 150
    assert one.payments == 2
    assert "came after a loan was closed" in one.notes[0]


def test_cash_beyond_the_balance_is_noted():
    one = history(payments(("L0", 1, 1500.0)), loans(1))
    assert one.cash.sum() == 1500
    assert "beyond the balances" in one.notes[0]


def test_a_loan_closed_without_cash_is_not_watched_in_that_month():
    one = history(payments(("L0", 3, 0.0, True)), loans(1))
    assert one.dormant.sum(axis=0).tolist() == [1, 1, 0, 0, 0, 0]
    assert one.payments == 0


def test_a_loan_is_watched_from_the_month_after_entry():
    one = history(payments(("L0", 4, 5.0)), loans(1, entry_age=2))
    assert one.dormant.sum(axis=0).tolist() == [0, 0, 1, 1, 0, 1]


def test_one_table_and_two_tables_say_the_same():
    both = [("L0", 2, 50.0, False), ("L1", 6, 0.0, False)]
    one = payments(*both).assign(balance=1000.0, product="card", cohort="2020Q1")
    assert (
        read_history(one, currency="CNY", basis="principal").content_hash
        == history(payments(*both), loans()).content_hash
    )


@pytest.mark.parametrize(
    ("columns", "options", "ages"),
    [
        ({"observed_months": 4}, {}, 4),
        ({"charge_off_date": "2020-01-31"}, {"observed_to": "2020-06-30"}, 5),
        ({"charge_off_date": ["2020-01-31", "2020-03-01"]}, {}, 4),
    ],
)
def test_the_end_of_watching_is_the_most_exact_one_known(columns, options, ages):
    table = loans(**columns)
    if "observed_months" not in columns:
        table = table.drop(columns="observed_months")
    one = history(payments(("L0", 2, 5.0), ("L1", 2, 5.0)), table, **options)
    assert one.ages == ages


def test_quarters_of_the_charge_off_date_are_the_cohorts():
    table = loans(charge_off_date=["2020-01-31", "2020-05-31"]).drop(columns="cohort")
    one = history(payments(("L0", 2, 5.0)), table)
    assert one.cohorts == ("2020Q1", "2020Q2")
    assert one.cohort_month.tolist() == [2020 * 12, 2020 * 12 + 4]


@pytest.mark.parametrize(
    ("label", "month"),
    [("2021", 6), ("2021Q1", 1), ("2021-Q4", 10), ("2021-07", 6), ("2021-13", None), ("A", None)],
)
def test_a_cohort_label_tells_its_month_where_it_is_a_date(label, month):
    one = history(payments(("L0", 1, 5.0)), loans(cohort=label))
    assert one.cohort_month[0] == (-1 if month is None else 2021 * 12 + month)


def test_counts_do_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(5)
    rows = payments(*((f"L{n}", a, 5.0) for n in range(20) for a in (1, 2, 5)))
    table = loans(20, balance=rng.uniform(100, 10_000, 20))
    mixed = rows.sample(frac=1, random_state=1)
    assert history(rows, table).content_hash == history(mixed, table).content_hash


def test_too_many_kinds_of_loans_are_counted_in_wider_bands_or_refused(monkeypatch):
    table = loans(400, balance=np.geomspace(10, 1e6, 400))
    fine = history(payments(("L0", 1, 5.0)), table)
    assert len(fine.product) > 20
    monkeypatch.setattr("pricing.history.counts.MOST_CELLS", 6 * 3)
    wide = history(payments(("L0", 1, 5.0)), table)
    assert len(wide.product) == 3
    assert "three bands" in wide.notes[0]
    with pytest.raises(TooManyKinds, match="up to 3"):
        history(payments(("L0", 1, 5.0)), table.assign(reachable=[True, False] * 200))


def test_products_of_one_name_in_the_calibration_are_added_up():
    table = loans(3, product=["card", "credit card", "credit_card"])
    one = history(payments(("L0", 1, 5.0), ("L1", 1, 7.0), ("L2", 2, 9.0)), table)
    merged = merged_products(one, {"card": "credit_card", "credit card": "credit_card"})
    assert merged.products == ("credit_card",)
    assert merged.cash.sum() == one.cash.sum() == 21
    assert merged.tickets[INSTALMENT, 0, 0, 0] == 3
    assert (merged.product == 0).all()
    assert merged.new.sum() == 3
