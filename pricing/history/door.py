"""A history from frames: loan level, one table or payments beside a table of loans."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.columns import MOST_BALANCE, flags, numbers, refuse_first, whole_numbers
from pricing.errors import BadColumn, EmptyHistory, MissingColumn
from pricing.history.accounts import Payments, read_accounts, rows_of, same_for_a_loan
from pricing.history.counts import History, reduce_to_counts
from pricing.loans import MOST_AGE, check_units

Repeats = Literal["refuse", "add"]


def read_history(
    frame: pd.DataFrame,
    loans: pd.DataFrame | None = None,
    *,
    currency: str,
    basis: str,
    observed_to: str | None = None,
    repeats: Repeats = "refuse",
) -> History:
    """Check monthly cash after charge-off and reduce it to grouped counts.

    frame: rows of `loan_id, age_month, cash` (month 1 = first month after the month of
    charge-off; cash in major units, 0 or more) and optionally `settled` (true: the payment closed
    the loan). A month without a row is a month without cash; beside `loans` there may be no
    row at all. loans: one row per loan with
    `loan_id, balance, product`, `cohort` or `charge_off_date` (cohort = quarter), and optionally
    `observed_months` (last age watched), `entry_age` (watched from the month after), and the
    attributes of a pool. Without `loans` these columns stand in `frame`, and a loan that never
    paid needs one row with cash 0.

    Watching ends at `observed_months`, else in the month of `observed_to` (a date), else in the
    last month in the data (dates known), else at the cohort's oldest row. repeats: two rows of
    one loan and month are refused, or added.

    Raises EmptyHistory, MissingColumn, BadColumn (row counted from 1), MixedBasis, MixedCurrency.
    """
    check_units(frame, currency, basis)
    _check_present(frame)
    if len(frame) == 0 and loans is None:
        raise EmptyHistory("the history has no row")
    age = _ages(frame)
    cash = _cash(frame)
    if loans is None:
        account, first = _accounts_in(frame, age)
        same_for_a_loan(frame, account, first)
        table, rows = frame.iloc[first], first
    else:
        check_units(loans, currency, basis)
        account, table, rows = _accounts_beside(frame, loans), loans, None
        dated = {"observed_months", "charge_off_date"} & set(loans.columns)
        if not dated:  # only paying months are listed, so their last one ends nothing
            raise MissingColumn("observed_months", [str(name) for name in loans.columns])
    last_age = np.zeros(len(table), np.int64)
    np.maximum.at(last_age, account, age)
    with rows_of(rows):
        accounts = read_accounts(table, last_age, observed_to)
    bad = (age > accounts.end[account]) | (age <= accounts.entry[account])
    refuse_first(bad, "age_month", age.tolist() if bad.any() else (), "outside the months watched")
    closes = _closing(frame)
    payments = Payments(account, age, cash, closes, "settled" in frame.columns)
    payments = _one_row_a_month(payments, repeats)
    return reduce_to_counts(accounts, payments, currency=currency, basis=basis)


def _check_present(frame: pd.DataFrame) -> None:
    for column in ("loan_id", "age_month", "cash"):
        if column not in frame.columns:
            raise MissingColumn(column, [str(name) for name in frame.columns])


def _ages(frame: pd.DataFrame) -> IntArray:
    age = whole_numbers(frame["age_month"], "age_month", MOST_AGE)
    rule = "from 1: month 1 is the first month after the month of charge-off"
    refuse_first(age < 1, "age_month", age.tolist() if (age < 1).any() else (), rule)
    return age


def _cash(frame: pd.DataFrame) -> FloatArray:
    rule = "cash of the month, 0 or more, in major units; net a reversal against its payment"
    cash = numbers(frame["cash"], "cash", rule)
    bad = ~((cash >= 0) & (cash <= MOST_BALANCE))
    refuse_first(bad, "cash", cash.tolist() if bad.any() else (), rule)
    return cash


def _closing(frame: pd.DataFrame) -> BoolArray:
    if "settled" not in frame.columns:
        return np.zeros(len(frame), np.bool_)
    return flags(frame["settled"], "settled")


def _accounts_in(frame: pd.DataFrame, age: IntArray) -> tuple[IntArray, IntArray]:
    """Account of each row, and each account's first row in time."""
    account = pd.factorize(frame["loan_id"])[0].astype(np.int64)
    _refuse_ids(account < 0, "an id is required")
    order = np.lexsort((age, account))
    starts = np.flatnonzero(np.diff(account[order], prepend=-1))
    return account, order[starts]


def _accounts_beside(frame: pd.DataFrame, loans: pd.DataFrame) -> IntArray:
    """Index into `loans` of each row of `frame`."""
    if "loan_id" not in loans.columns:
        raise MissingColumn("loan_id", [str(name) for name in loans.columns])
    if len(loans) == 0:
        raise EmptyHistory("the history has no loan")
    known, wanted = loans["loan_id"], frame["loan_id"]
    if known.dtype != wanted.dtype:
        known, wanted = known.astype(str), wanted.astype(str)
    _refuse_ids(known.isna().to_numpy(), "an id is required")
    _refuse_ids(known.duplicated().to_numpy(), "the table of loans has one row per loan")
    account = pd.Index(known).get_indexer(pd.Index(wanted))
    _refuse_ids(account < 0, "no such loan in the table of loans")
    return np.asarray(account, np.int64)


def _refuse_ids(bad: npt.NDArray[np.bool_], rule: str) -> None:
    """Refuse by row; an id may point at a person and is never shown."""
    if bad.any():
        raise BadColumn("loan_id", int(np.argmax(bad)) + 1, "(withheld)", rule)


def _one_row_a_month(payments: Payments, repeats: Repeats) -> Payments:
    """Rows sorted by account and age, one each."""
    order = np.lexsort((payments.age, payments.account))
    account, age = payments.account[order], payments.age[order]
    cash, closes = payments.cash[order], payments.closes[order]
    again = (np.diff(account, prepend=-1) == 0) & (np.diff(age, prepend=-1) == 0)
    if not again.any():
        return Payments(account, age, cash, closes, payments.has_closing_flag)
    if repeats == "refuse":
        place = np.flatnonzero(again)
        row, first = order[place], order[place - 1]  # equal keys keep the order of the table
        one = int(np.argmin(row))
        rule = f"one row per loan and month; row {int(first[one]) + 1} is of the same month"
        raise BadColumn("age_month", int(row[one]) + 1, int(age[place[one]]), rule)
    starts = np.flatnonzero(~again)
    return Payments(
        account[starts],
        age[starts],
        np.add.reduceat(cash, starts),
        np.logical_or.reduceat(closes, starts),
        payments.has_closing_flag,
    )
