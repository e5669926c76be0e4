"""The loans of a history: what each owed, when it was watched, which loans are alike."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricing.calibration import DEFAULT_PRODUCT, LEVELS
from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.columns import (
    balances,
    choices,
    codes_of,
    flags,
    refuse_first,
    whole_numbers,
)
from pricing.errors import BadColumn, MissingColumn
from pricing.loans import LITIGATION, MOST_AGE

UNKNOWN_MONTH = -1
COHORT_LABEL = re.compile(r"(\d{4})(?:-?Q([1-4])|-(\d{1,2}))?")


@dataclass(frozen=True)
class Accounts:
    """Loans of a history, arrays (loans,).

    balance: major units at charge-off. entry, end: first age not yet and last age watched, in
    months: a loan is watched from entry + 1 to end. cohort_month: (cohorts,) calendar month of
    charge-off, year * 12 + month - 1, UNKNOWN_MONTH where the history does not say. levels: codes
    of attributes into level_names, as they stood when watching began.
    """

    balance: FloatArray
    product: IntArray
    products: tuple[str, ...]
    cohort: IntArray
    cohorts: tuple[str, ...]
    cohort_month: IntArray
    entry: IntArray
    end: IntArray
    levels: Mapping[str, IntArray]
    level_names: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.balance)


@dataclass(frozen=True)
class Payments:
    """Rows of cash: account index, age in months, cash in major units, whether the loan closed."""

    account: IntArray
    age: IntArray
    cash: FloatArray
    closes: BoolArray
    has_closing_flag: bool


@contextmanager
def rows_of(rows: IntArray | None) -> Iterator[None]:
    """Name the row of the sender's table in a refusal of a row picked from it."""
    try:
        yield
    except BadColumn as refusal:
        if rows is None:
            raise
        row = int(rows[refusal.row - 1]) + 1
        raise BadColumn(refusal.column, row, refusal.value, refusal.rule) from refusal


def read_accounts(table: pd.DataFrame, last_age: IntArray, observed_to: str | None) -> Accounts:
    """Loans from one row each. last_age: (loans,) the last age with a row of cash, 0 = none."""
    for column in ("loan_id", "balance", "product"):
        if column not in table.columns:
            raise MissingColumn(column, [str(name) for name in table.columns])
    product, products = codes_of(table, "product")
    dates = _charge_off_months(table)
    cohort, cohorts, cohort_month = _cohorts(table, dates)
    entry = _optional_whole(table, "entry_age")
    levels, level_names = _levels(table)
    return Accounts(
        balance=balances(table["balance"]),
        product=product,
        products=tuple(name or DEFAULT_PRODUCT for name in products),
        cohort=cohort,
        cohorts=cohorts,
        cohort_month=cohort_month,
        entry=entry,
        end=_ends(table, entry, _Clock(dates, cohort, last_age, observed_to)),
        levels=levels,
        level_names=level_names,
    )


@dataclass(frozen=True)
class _Clock:
    dates: IntArray | None
    cohort: IntArray
    last_age: IntArray
    observed_to: str | None


def _ends(table: pd.DataFrame, entry: IntArray, clock: _Clock) -> IntArray:
    """Last age watched: as given, to the month given, to the last month of the data, or to the
    cohort's oldest row."""
    if "observed_months" in table.columns:
        end = whole_numbers(table["observed_months"], "observed_months", MOST_AGE)
        column = "observed_months"
    elif clock.dates is not None:
        last = int((clock.dates + clock.last_age).max())
        end = (last if clock.observed_to is None else _month_of(clock.observed_to)) - clock.dates
        column = "charge_off_date"
    elif clock.observed_to is not None:
        raise MissingColumn("charge_off_date", [str(name) for name in table.columns])
    else:
        oldest = np.zeros(int(clock.cohort.max()) + 1, np.int64)
        np.maximum.at(oldest, clock.cohort, clock.last_age)
        return np.maximum(oldest[clock.cohort], entry)
    bad = end < entry
    rule = "watched before it was charged off or after watching ended"
    refuse_first(bad, column, table[column].to_list() if bad.any() else (), rule)
    return np.minimum(end, MOST_AGE)


def _month_of(date: str) -> int:
    moment = pd.to_datetime(date, errors="coerce")
    if pd.isna(moment):
        raise BadColumn("observed_to", 1, date, "a date, for example 2024-06-30")
    return int(moment.year) * 12 + int(moment.month) - 1


def _charge_off_months(table: pd.DataFrame) -> IntArray | None:
    if "charge_off_date" not in table.columns:
        return None
    cells = table["charge_off_date"]
    dates = pd.to_datetime(cells, errors="coerce")
    bad = dates.isna().to_numpy()
    refuse_first(bad, "charge_off_date", cells.to_list() if bad.any() else (), "a date, 2021-03-31")
    months = dates.dt.year * 12 + dates.dt.month - 1
    return np.asarray(months, dtype=np.int64)


def _cohorts(
    table: pd.DataFrame, dates: IntArray | None
) -> tuple[IntArray, tuple[str, ...], IntArray]:
    """Cohorts as named, or quarters of the charge-off date; each with its calendar month."""
    if "cohort" in table.columns:
        cohort, names = codes_of(table, "cohort")
        empty = np.array([name == "" for name in names])[cohort]
        refuse_first(empty, "cohort", [""] * len(table) if empty.any() else (), "a cohort")
        if dates is None:
            return cohort, names, np.array([month_of_label(name) for name in names], np.int64)
    elif dates is not None:
        quarters, cohort = np.unique(dates // 3, return_inverse=True)
        names = tuple(f"{quarter // 4}Q{quarter % 4 + 1}" for quarter in quarters)
    else:
        raise MissingColumn("charge_off_date", [str(name) for name in table.columns])
    total = np.bincount(cohort, weights=dates.astype(np.float64))
    months = np.rint(total / np.bincount(cohort)).astype(np.int64)
    return cohort.astype(np.int64), names, months


def month_of_label(name: str) -> int:
    """'2021', '2021Q3', '2021-07' as the month in the middle of the span; others are unknown."""
    match = COHORT_LABEL.fullmatch(name)
    if not match:
        return UNKNOWN_MONTH
    year, quarter, month = match.groups()
    if month is not None:
        return int(year) * 12 + int(month) - 1 if 1 <= int(month) <= 12 else UNKNOWN_MONTH
    return int(year) * 12 + (6 if quarter is None else 3 * int(quarter) - 2)


def _levels(
    table: pd.DataFrame,
) -> tuple[dict[str, IntArray], dict[str, tuple[str, ...]]]:
    """Codes of the attributes the table has, as level names of a calibration."""
    levels: dict[str, IntArray] = {}
    names: dict[str, tuple[str, ...]] = {}
    if "prior_placements" in table.columns:
        found = whole_numbers(table["prior_placements"], "prior_placements", 1000)
        levels["prior_placements"] = np.minimum(found, 3)
        names["prior_placements"] = LEVELS["prior_placements"]
    if "litigation_status" in table.columns:
        column = table["litigation_status"]
        levels["litigation_status"] = choices(column, "litigation_status", LITIGATION)
        names["litigation_status"] = LITIGATION
    if "reachable" in table.columns:
        levels["reachable"] = np.where(flags(table["reachable"], "reachable"), 0, 1)
        names["reachable"] = LEVELS["reachable"]
    if "region" in table.columns:
        levels["region"], names["region"] = codes_of(table, "region")
    return {name: codes.astype(np.int64) for name, codes in levels.items()}, names


def _optional_whole(table: pd.DataFrame, column: str) -> IntArray:
    if column not in table.columns:
        return np.zeros(len(table), np.int64)
    return whole_numbers(table[column], column, MOST_AGE)


def same_for_a_loan(frame: pd.DataFrame, account: IntArray, first: IntArray) -> None:
    """Refuse a loan whose balance, product or cohort changes between its rows."""
    for column in ("balance", "product", "cohort", "charge_off_date", "entry_age"):
        if column not in frame.columns:
            continue
        codes: Any = pd.factorize(frame[column])[0]
        differs = codes != codes[first][account]
        if differs.any():
            row = int(np.argmax(differs))
            rule = f"one {column} per loan; row {int(first[account[row]]) + 1} has another"
            raise BadColumn(column, row + 1, frame[column].iloc[row], rule)
