"""Histories that are already grouped: a row per segment, cohort and age, no loan."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricing.calibration import DEFAULT_PRODUCT
from pricing.canonical import FloatArray, IntArray
from pricing.columns import MOST_BALANCE, codes_of, numbers, refuse_first, whole_numbers
from pricing.errors import EmptyHistory, MissingColumn
from pricing.history.accounts import month_of_label
from pricing.history.counts import CUT_BINS, INSTALMENT, LUMP, TICKET_SUMS, History
from pricing.loans import MOST_AGE, check_units

KEY = ("segment", "cohort", "age_month")
COUNTS = ("n_dormant", "n_new", "n_paying", "n_stay", "n_settle")
REQUIRED = (*KEY, *COUNTS, "cash", "balance")
MOST_COUNT = 2**40
LEAST_BALANCE = 1e-9


def to_grouped(history: History) -> pd.DataFrame:
    """The counts of a history by product, cohort and age, as `read_grouped` takes them. Attributes
    and balance bands are added up; the law of tickets beyond their
    mean, and which cash closed loans, is left behind."""
    products, cohorts, ages = len(history.products), len(history.cohorts), history.ages
    cell = (history.product * cohorts + history.cohort)[:, None] * ages + np.arange(ages)

    def added(values: IntArray) -> IntArray:
        weights = values.ravel().astype(np.float64)
        summed = np.bincount(cell.ravel(), weights, products * cohorts * ages)
        return np.rint(summed).astype(np.int64)

    counts = [history.dormant, history.new, history.paying, history.stay, history.settle]
    index = pd.MultiIndex.from_product(
        [history.products, history.cohorts, range(1, ages + 1)], names=KEY
    )
    owed = np.bincount(
        cell.ravel(),
        ((history.dormant + history.paying) * np.exp(history.log_balance)[:, None]).ravel(),
        products * cohorts * ages,
    )
    frame = pd.DataFrame(dict(zip(COUNTS, map(added, counts), strict=True)), index=index)
    frame = frame.assign(cash=history.cash.ravel(), balance=owed).reset_index()
    return frame[(frame["n_dormant"] + frame["n_paying"] > 0) | (frame["cash"] > 0)]


def read_grouped(frame: pd.DataFrame, *, currency: str, basis: str) -> History:
    """A history from counts by segment, cohort and age in months.

    Columns: `segment, cohort, age_month, n_dormant, n_new, n_paying, n_stay, n_settle, cash,
    balance` (sum over the open loans, major units), and optionally `product` (default: the
    segment is the product), `lump_cash` (part of `cash` that closed loans). A cohort named 2021,
    2021Q3 or 2021-07 has a calendar.

    Raises EmptyHistory, MissingColumn, BadColumn, MixedBasis, MixedCurrency.
    """
    check_units(frame, currency, basis)
    _check_present(frame)
    age = whole_numbers(frame["age_month"], "age_month", MOST_AGE)
    refuse_first(age < 1, "age_month", age.tolist(), "from 1")
    counts = {name: whole_numbers(frame[name], name, MOST_COUNT) for name in COUNTS}
    cash, balance = _amount(frame, "cash"), _amount(frame, "balance")
    _check_counts(counts, balance)
    segment, _ = codes_of(frame, "segment")
    cohort, cohorts = codes_of(frame, "cohort")
    product, products = codes_of(frame, "product" if "product" in frame.columns else "segment")
    _check_once(segment * len(cohorts) + cohort, age)
    lump = _lump_cash(frame, cash)
    if lump is None:  # closing payments are instalments like others, and the loans leave
        counts["n_stay"] += counts["n_settle"]
        counts["n_settle"] = np.zeros_like(counts["n_settle"])
    rows = _Rows(segment, cohort, product, age)
    names = tuple(name or DEFAULT_PRODUCT for name in products)
    notes = NOTES if lump is not None else (*NOTES, NO_LUMPS)
    return _history(
        rows, counts, _Money(cash, balance, lump), names=(names, cohorts), units=(currency, basis),
        notes=notes,
    )  # fmt: skip


def _history(
    rows: "_Rows",
    counts: dict[str, IntArray],
    money: "_Money",
    *,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    units: tuple[str, str],
    notes: tuple[str, ...],
) -> History:
    products, cohorts = names
    shape = len(products), len(cohorts)
    table = {name: rows.spread(counts[name]) for name in COUNTS}
    size = (table["n_dormant"] + table["n_paying"]).sum(axis=1)
    log_balance = np.log(np.maximum(rows.total(money.balance) / np.maximum(size, 1), LEAST_BALANCE))
    owed, received = (rows.by_age(values, shape) for values in (money.balance, money.cash))
    return History(
        products=products,
        cohorts=cohorts,
        cohort_month=np.array([month_of_label(name) for name in cohorts], np.int64),
        level_names={},
        product=rows.product[rows.first],
        cohort=rows.cohort[rows.first],
        log_balance=log_balance,
        levels={},
        dormant=table["n_dormant"],
        new=table["n_new"],
        paying=table["n_paying"],
        stay=table["n_stay"],
        settle=table["n_settle"],
        tickets=_tickets(rows, counts, money, shape),
        cut=np.zeros((2, len(products), CUT_BINS, 2)),
        balance=owed,
        cash=received,
        loans=int((table["n_dormant"] + table["n_paying"]).max(axis=1).sum()),
        payers=0,
        currency=units[0],
        basis=units[1],
        has_closings=money.lump is not None,
        notes=notes,
    )


def _check_present(frame: pd.DataFrame) -> None:
    for column in REQUIRED:
        if column not in frame.columns:
            raise MissingColumn(column, [str(name) for name in frame.columns])
    if len(frame) == 0:
        raise EmptyHistory("the history has no row")


def _check_once(pair: IntArray, age: IntArray) -> None:
    again = pd.Series(pair * (MOST_AGE + 1) + age).duplicated().to_numpy()
    refuse_first(again, "age_month", age.tolist(), "one row per segment, cohort and age")


NOTES = (
    "grouped history: the shape of tickets is the base's, and tickets that the claim cut count "
    "as whole ones",
)
NO_LUMPS = "grouped history without `lump_cash`: closing payments count as instalments"


class _Rows:
    """Rows by profile (segment, cohort, product) and age."""

    def __init__(
        self, segment: IntArray, cohort: IntArray, product: IntArray, age: IntArray
    ) -> None:
        width = int(max(cohort.max(), product.max())) + 1
        joined = (segment * width + cohort) * width + product
        _, self.first, self.profile = np.unique(joined, return_index=True, return_inverse=True)
        self.age, self.ages = age, int(age.max())
        self.product, self.cohort = product, cohort

    def spread(self, values: IntArray) -> IntArray:
        """(profiles, ages)."""
        table = np.zeros((len(self.first), self.ages), np.int64)
        table[self.profile, self.age - 1] = values
        return table

    def by_age(self, values: FloatArray, shape: tuple[int, int]) -> FloatArray:
        """(products, cohorts, ages)."""
        table = np.zeros((*shape, self.ages))
        np.add.at(table, (self.product, self.cohort, self.age - 1), values)
        return table

    def total(self, values: FloatArray) -> FloatArray:
        """(profiles,)."""
        return np.bincount(self.profile, values).astype(np.float64)


@dataclass(frozen=True)
class _Money:
    cash: FloatArray
    balance: FloatArray
    lump: FloatArray | None


def _check_counts(counts: dict[str, IntArray], balance: FloatArray) -> None:
    """Events cannot outnumber those they can happen to."""
    for event, trials in (("n_new", "n_dormant"), ("n_stay", "n_paying"), ("n_settle", "n_paying")):
        bad = counts[event] > counts[trials]
        refuse_first(bad, event, counts[event].tolist() if bad.any() else (), f"up to {trials}")
    bad = counts["n_stay"] + counts["n_settle"] > counts["n_paying"]
    rule = "n_stay + n_settle up to n_paying"
    refuse_first(bad, "n_settle", counts["n_settle"].tolist() if bad.any() else (), rule)
    bad = (counts["n_dormant"] + counts["n_paying"] > 0) & ~(balance > 0)
    rule = "above 0 where loans are open"
    refuse_first(bad, "balance", balance.tolist() if bad.any() else (), rule)


def _amount(frame: pd.DataFrame, column: str) -> FloatArray:
    rule = "0 or more, in major units"
    amount = numbers(frame[column], column, rule)
    bad = ~((amount >= 0) & (amount <= MOST_BALANCE))
    refuse_first(bad, column, amount.tolist() if bad.any() else (), rule)
    return amount


def _lump_cash(frame: pd.DataFrame, cash: FloatArray) -> FloatArray | None:
    if "lump_cash" not in frame.columns:
        return None
    lump = _amount(frame, "lump_cash")
    bad = lump > cash * (1 + 1e-9)
    refuse_first(bad, "lump_cash", lump.tolist() if bad.any() else (), "a part of cash")
    return lump


def _tickets(
    rows: _Rows, counts: dict[str, IntArray], money: _Money, size: tuple[int, int]
) -> FloatArray:
    """Sums over tickets as if every loan of a row owed the row's mean balance and paid the row's
    mean ticket; ln x is unknown: the shape is left to the base."""
    open_loans = counts["n_dormant"] + counts["n_paying"]
    owed = money.balance / np.maximum(open_loans, 1)
    closing = counts["n_settle"].astype(np.float64)
    paying = (counts["n_new"] + counts["n_stay"]).astype(np.float64)
    lump = np.zeros_like(owed) if money.lump is None else money.lump
    tickets = np.zeros((2, *size, len(TICKET_SUMS)))
    spot = rows.product, rows.cohort
    for kind, count, cash in (
        (INSTALMENT, paying, money.cash - lump),
        (LUMP, closing, lump),
    ):
        ratio = np.divide(cash, owed, out=np.zeros_like(cash), where=owed > 0)
        sums = (count, ratio, np.full_like(ratio, np.nan), cash, count * owed, count * owed**2)
        for column, values in enumerate(sums):
            np.add.at(tickets[kind, ..., column], spot, values)
    return tickets
