"""Columns of a frame into arrays: every refusal names row, column, value and rule."""

from collections.abc import Sequence
from datetime import date, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.errors import BadColumn

MOST_BALANCE = 1e12
NESTED = (list, tuple, dict, set, np.ndarray)


def refuse_first(bad: BoolArray, column: str, cells: Sequence[Any], rule: str) -> None:
    """Raise BadColumn at the first bad row, if there is one."""
    if bad.any():
        row = int(np.argmax(bad))
        raise BadColumn(column, row + 1, cells[row], rule)


def refuse_other_kinds(
    series: "pd.Series[Any]", column: str, rule: str, more: tuple[type, ...]
) -> None:
    """Raise BadColumn at the first date, duration, nested cell, or cell of one of `more` kinds,
    which would be read as a number of another meaning. The cell itself is not shown."""
    if series.dtype != object and series.dtype.kind in "iufOUT":
        return
    kinds = (date, time, timedelta, np.datetime64, np.timedelta64, *NESTED, *more)
    cells = series.to_list()
    bad = np.array([isinstance(cell, kinds) and cell is not pd.NaT for cell in cells])
    refuse_first(bad, column, [type(cell).__name__ for cell in cells] if bad.any() else (), rule)


def numbers(series: "pd.Series[Any]", column: str, rule: str) -> FloatArray:
    """Cells as numbers, NaN where empty; text that is no number is refused."""
    refuse_other_kinds(series, column, rule, (bool, np.bool_))
    cells = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    unread = np.isnan(cells) & series.notna().to_numpy()
    if unread.any():  # an empty text cell is a missing number, not a wrong one
        unread &= (series.astype(str).str.strip() != "").to_numpy()
    refuse_first(unread, column, series.to_list() if unread.any() else (), f"not a number; {rule}")
    return cells


def balances(series: "pd.Series[Any]") -> FloatArray:
    """Balances above 0."""
    rule = "balance above 0, in major units; a paid loan does not belong in the pool"
    balance = numbers(series, "balance", rule)
    bad = ~((balance > 0) & (balance <= MOST_BALANCE))
    refuse_first(bad, "balance", balance.tolist() if bad.any() else (), rule)
    return balance


def receipts(series: "pd.Series[Any]") -> FloatArray:
    """Amounts from 0 up; an empty cell is 0."""
    rule = "received since charge-off, 0 or more, in major units"
    paid = np.nan_to_num(numbers(series, "paid_before", rule), nan=0.0, posinf=np.inf)
    bad = ~((paid >= 0) & (paid <= MOST_BALANCE))
    refuse_first(bad, "paid_before", paid.tolist() if bad.any() else (), rule)
    return paid


def whole_numbers(series: "pd.Series[Any]", column: str, most: int) -> IntArray:
    """Whole numbers from 0 to `most`; an empty cell is refused."""
    rule = f"a whole number from 0 to {most}"
    cells = numbers(series, column, rule)
    bad = ~((cells >= 0) & (cells <= most) & (cells == np.floor(cells)))
    refuse_first(bad, column, cells.tolist() if bad.any() else (), rule)
    return cells.astype(np.int64)


def months_since_payment(series: "pd.Series[Any]") -> FloatArray:
    """Months from 0 up, NaN = never paid."""
    rule = "months from 0 up, empty for a loan that never paid"
    months = numbers(series, "months_since_payment", rule)
    bad = (months < 0) | np.isinf(months)
    refuse_first(bad, "months_since_payment", months.tolist() if bad.any() else (), rule)
    return months


def identifiers(series: "pd.Series[Any]") -> npt.NDArray[np.str_]:
    """Ids as text. A refusal names rows only: an id may point at a person."""
    names = series.astype(object).where(series.notna(), "").astype(str)
    empty = (names == "").to_numpy()
    refuse_first(empty, "loan_id", [""] * len(series) if empty.any() else (), "an id is required")
    repeated = names.duplicated().to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        first = int(np.argmax((names == names.iloc[row]).to_numpy()))
        raise BadColumn("loan_id", row + 1, "(withheld)", f"same id as row {first + 1}")
    return names.to_numpy(dtype=np.str_)


def codes_of(frame: pd.DataFrame, column: str) -> tuple[IntArray, tuple[str, ...]]:
    """Codes into sorted names; a missing column or cell is the empty name."""
    if column not in frame.columns:
        return np.zeros(len(frame), np.int64), ("",)
    names = frame[column].astype(object).where(frame[column].notna(), "").astype(str).str.strip()
    codes, labels = pd.factorize(names, sort=True)
    return codes.astype(np.int64), tuple(str(label) for label in labels)


def choices(series: "pd.Series[Any]", column: str, names: tuple[str, ...]) -> IntArray:
    """Codes into `names`; any other cell is refused."""
    refuse_other_kinds(series, column, f"one of {', '.join(names)}", (bool, np.bool_))
    index = pd.Index(names).get_indexer(pd.Index(series.astype(object)))
    bad = index < 0
    refuse_first(bad, column, series.to_list() if bad.any() else (), f"one of {', '.join(names)}")
    return index.astype(np.int64)


def flags(series: "pd.Series[Any]", column: str) -> BoolArray:
    """True or false, also written as text or as 1 and 0."""
    if series.dtype == np.bool_:
        return series.to_numpy(dtype=np.bool_).copy()
    refuse_other_kinds(series, column, "true or false", ())
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    cells = [cell.lower() if isinstance(cell, str) else cell for cell in series.to_list()]
    read = [known.get(cell) if pd.notna(cell) else None for cell in cells]
    bad = np.array([flag is None for flag in read])
    refuse_first(bad, column, cells, "true or false")
    return np.array(read, dtype=np.bool_)
