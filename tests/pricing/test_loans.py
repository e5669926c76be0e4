from datetime import date

import numpy as np
import pandas as pd
import pytest

from pricing import read_loans
from pricing.errors import BadColumn, EmptyPool, MissingColumn, MixedBasis, MixedCurrency
from pricing.loans import LITIGATION, REQUIRED, STATUSES
from tests.pricing.builders import frame, pool


@pytest.mark.parametrize(
    ("column", "cells", "row", "rule"),
    [
        ("balance", [1.0, 0.0, 1.0], 2, "above 0"),
        ("balance", [1.0, 1.0, -5.0], 3, "above 0"),
        ("balance", [np.nan, 1.0, 1.0], 1, "above 0"),
        ("balance", [1.0, np.inf, 1.0], 2, "above 0"),
        ("balance", ["1", "abc", "2"], 2, "not a number"),
        ("paid_before", [0.0, -1.0, 2.0], 2, "0 or more"),
        ("paid_before", [0.0, 1.0, np.inf], 3, "0 or more"),
        ("paid_before", ["1", "abc", ""], 2, "not a number"),
        ("age_months", [1, -1, 2], 2, "0 to 600"),
        ("age_months", [1, 2, 601], 3, "0 to 600"),
        ("age_months", [1, 2.5, 3], 2, "whole"),
        ("age_months", [1, np.nan, 3], 2, "whole"),
        ("months_since_payment", [1, -1, np.nan], 2, "from 0 up"),
        ("months_since_payment", [np.inf, 1, np.nan], 1, "from 0 up"),
        ("prior_placements", [0, 1, -1], 3, "whole"),
        ("litigation_status", ["not_sued", "sued", "judged"], 2, "not_sued, in_suit"),
        ("reachable", [True, None, False], 2, "true or false"),
        ("reachable", ["yes", "true", "false"], 1, "true or false"),
        ("status", ["live", "gone", "fraud"], 2, "deceased"),
        ("loan_id", ["A", "B", "A"], 3, "row 1"),
        ("loan_id", ["A", None, "C"], 2, "required"),
    ],
)
def test_a_bad_cell_is_named_by_row_column_and_rule(column, cells, row, rule):
    with pytest.raises(BadColumn, match=rule) as refusal:
        pool(**{column: cells})
    assert (refusal.value.column, refusal.value.row) == (column, row)


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("months_since_payment", pd.to_datetime(["2024-01-31"] * 3)),
        ("months_since_payment", pd.to_timedelta([1, 2, 3], unit="D")),
        ("months_since_payment", [date(2024, 1, 31)] * 3),
        ("balance", [True, True, True]),
        ("balance", pd.array([True, True, True], "boolean")),
        ("prior_placements", [1, True, 2]),
        ("prior_placements", [[1], 1, 1]),
        ("litigation_status", [["judged"], "judged", "judged"]),
        ("litigation_status", [{"status": "judged"}, "judged", "judged"]),
        ("reachable", [[True], True, True]),
    ],
)
def test_dates_durations_flags_and_nested_cells_are_no_numbers_or_names(column, cells):
    table = frame()
    table[column] = pd.Series(cells, dtype=object if isinstance(cells, list) else None)
    with pytest.raises(BadColumn) as refusal:
        pool(table)
    assert refusal.value.column == column


def test_ids_may_be_categories_and_a_nested_currency_is_refused():
    table = frame()
    table["loan_id"] = table["loan_id"].astype("category")
    assert len(pool(table)) == 3
    with pytest.raises(MixedCurrency):
        pool(table.assign(currency=[["CNY"]] * 3))


def test_what_was_paid_before_is_added_to_what_is_left():
    told = pool(balance=[50.0, 60.0, 70.0], paid_before=[50.0, np.nan, 0.0])
    assert told.owed_at_charge_off.tolist() == [100.0, 60.0, 70.0]
    assert told.face == 180.0
    silent = pool(balance=[50.0, 60.0, 70.0])
    assert silent.owed_at_charge_off.tolist() == [50.0, 60.0, 70.0]
    assert silent.content_hash != told.content_hash


def test_a_repeated_id_is_not_shown():
    with pytest.raises(BadColumn) as refusal:
        pool(loan_id=["31010119900101", "B", "31010119900101"])
    assert "31010119900101" not in str(refusal.value)


@pytest.mark.parametrize("column", REQUIRED)
def test_each_required_column_is_missed_by_name(column):
    with pytest.raises(MissingColumn, match=column):
        read_loans(frame().drop(columns=column), currency="CNY", basis="principal")


def test_an_empty_frame_is_refused():
    with pytest.raises(EmptyPool):
        pool(frame().iloc[:0])


def test_basis_and_currency_are_required():
    with pytest.raises(MixedBasis):
        pool(basis="total")
    with pytest.raises(MixedCurrency):
        pool(currency="")


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"currency": ["CNY", "USD", "CNY"]}, MixedCurrency),
        ({"currency": "USD"}, MixedCurrency),
        ({"currency": ["CNY", None, "CNY"]}, MixedCurrency),
        ({"basis": ["principal", "claim", "principal"]}, MixedBasis),
        ({"basis": "claim"}, MixedBasis),
    ],
)
def test_rows_of_another_currency_or_basis_are_refused(columns, error):
    with pytest.raises(error):
        pool(frame(**columns))
    assert len(pool(frame(currency="CNY", basis="principal"))) == 3


def test_columns_become_codes_into_sorted_names():
    loans = pool(
        product=["card", " auto ", None],
        reachable=["true", "0", "1"],
        litigation_status=["judged", "not_sued", "terminated"],
        status=["live", "fraud", "deceased"],
    )
    assert loans.products == ("", "auto", "card")
    assert [loans.products[code] for code in loans.product] == ["card", "auto", ""]
    assert loans.reachable.tolist() == [True, False, True]
    assert [LITIGATION[code] for code in loans.litigation] == ["judged", "not_sued", "terminated"]
    assert [STATUSES[code] for code in loans.status] == ["live", "fraud", "deceased"]
    assert loans.is_live.tolist() == [True, False, False]
    assert loans.channels == ("",)
    assert loans.face == 30_000


def test_text_numbers_and_nullable_columns_are_read_like_numbers():
    table = frame(balance=["100", "200.5", "300"], months_since_payment=["", "3", None])
    table["age_months"] = pd.array([1, 2, 3], dtype="Int64")
    loans = pool(table)
    assert loans.balance.tolist() == [100.0, 200.5, 300.0]
    assert loans.age_months.tolist() == [1, 2, 3]
    assert np.isnan(loans.months_since_payment).tolist() == [True, False, True]


def test_arrays_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        pool().balance[0] = 1.0


def test_the_hash_follows_the_content_alone():
    assert pool().content_hash == pool().content_hash
    assert pool().content_hash != pool(balance=[1.0, 2.0, 3.0]).content_hash
    assert pool().content_hash != pool(loan_id=["A", "B", "C"]).content_hash
    assert pool().content_hash != pool(basis="claim").content_hash


def test_the_callers_frame_stays_untouched():
    table = frame(status="live", channel="agency")
    before = table.copy()
    pool(table)
    pd.testing.assert_frame_equal(table, before)
