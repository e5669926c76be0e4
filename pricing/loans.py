"""The pool as arrays, checked at the door."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.errors import BadColumn, EmptyPool, MissingColumn, MixedBasis, MixedCurrency

LITIGATION = (
    "not_sued",
    "in_suit",
    "mediated",
    "judged",
    "enforcing",
    "ended_for_now",
    "terminated",
)
LIVE = "live"
STATUSES = (LIVE, "deceased", "bankrupt", "time_barred", "disputed", "fraud", "settled")
BASES = ("principal", "claim")
MOST_AGE = 600
MOST_BALANCE = 1e12
REQUIRED = (
    "loan_id",
    "balance",
    "product",
    "age_months",
    "months_since_payment",
    "prior_placements",
    "litigation_status",
    "reachable",
    "region",
)


@dataclass(frozen=True)
class Loans:
    """A pool at its cut-off date; arrays are (loans,) and read-only.

    balance: major units of `currency` on `basis` (principal, or claim = principal + interest +
    fees). product, region, channel: codes into the tuples of names beside them ("" = not given).
    litigation, status: codes into LITIGATION and STATUSES. months_since_payment: NaN = never paid.
    """

    loan_id: npt.NDArray[np.str_]
    balance: FloatArray
    product: IntArray
    products: tuple[str, ...]
    age_months: IntArray
    months_since_payment: FloatArray
    prior_placements: IntArray
    litigation: IntArray
    reachable: BoolArray
    region: IntArray
    regions: tuple[str, ...]
    channel: IntArray
    channels: tuple[str, ...]
    status: IntArray
    currency: str
    basis: str

    def __len__(self) -> int:
        return len(self.balance)

    @property
    def is_live(self) -> BoolArray:
        """Loans that can still pay; the others are worth 0 and are listed."""
        return np.asarray(self.status == STATUSES.index(LIVE), dtype=np.bool_)

    @property
    def face(self) -> float:
        """Sum of all balances, major units, excluded loans included."""
        return float(self.balance.sum())

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over every field in order: same pool in the same order, same hash."""
        digest = hashlib.sha256()
        for field in fields(self):
            value = getattr(self, field.name)
            digest.update(f"\n{field.name}:".encode())
            if not isinstance(value, np.ndarray):
                digest.update(repr(value).encode())
            elif value.dtype.kind == "U":  # width depends on the longest id, so hash the text
                digest.update("\0".join(value.tolist()).encode())
            else:
                digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()


def read_loans(frame: pd.DataFrame, *, currency: str, basis: str) -> Loans:
    """Check a frame and turn it into `Loans`.

    Columns: REQUIRED, and optionally `channel` (default: the calibration's) and `status` (default
    live). Raises EmptyPool, MissingColumn, BadColumn (row counted from 1), MixedBasis,
    MixedCurrency.
    """
    if basis not in BASES:
        raise MixedBasis(basis, list(BASES))
    if not currency:
        raise MixedCurrency(currency, "any")
    for column in REQUIRED:
        if column not in frame.columns:
            raise MissingColumn(column, [str(name) for name in frame.columns])
    if len(frame) == 0:
        raise EmptyPool("the pool has no loan")
    product, products = _codes(frame, "product")
    region, regions = _codes(frame, "region")
    channel, channels = _codes(frame, "channel")
    arrays: dict[str, Any] = {
        "loan_id": _identifiers(frame["loan_id"]),
        "balance": _balances(frame["balance"]),
        "age_months": _whole(frame["age_months"], "age_months", MOST_AGE),
        "months_since_payment": _months_since_payment(frame["months_since_payment"]),
        "prior_placements": _whole(frame["prior_placements"], "prior_placements", 1000),
        "litigation": _choice(frame["litigation_status"], "litigation_status", LITIGATION),
        "reachable": _flags(frame["reachable"], "reachable"),
        "status": _status(frame),
        "product": product,
        "region": region,
        "channel": channel,
    }
    for array in arrays.values():
        array.setflags(write=False)
    return Loans(
        **arrays,
        products=products,
        regions=regions,
        channels=channels,
        currency=currency,
        basis=basis,
    )


def _first(bad: BoolArray, column: str, cells: Sequence[Any], rule: str) -> None:
    """Raise BadColumn at the first bad row, if there is one."""
    if bad.any():
        row = int(np.argmax(bad))
        raise BadColumn(column, row + 1, cells[row], rule)


def _numbers(series: "pd.Series[Any]", column: str, rule: str) -> FloatArray:
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    unread = np.isnan(numbers) & series.notna().to_numpy()
    if unread.any():  # an empty text cell is a missing number, not a wrong one
        unread &= (series.astype(str).str.strip() != "").to_numpy()
    _first(unread, column, series.to_list() if unread.any() else (), f"not a number; {rule}")
    return numbers


def _balances(series: "pd.Series[Any]") -> FloatArray:
    rule = "balance above 0, in major units; a paid loan does not belong in the pool"
    balance = _numbers(series, "balance", rule)
    bad = ~((balance > 0) & (balance <= MOST_BALANCE))
    _first(bad, "balance", balance.tolist() if bad.any() else (), rule)
    return balance


def _whole(series: "pd.Series[Any]", column: str, most: int) -> IntArray:
    rule = f"a whole number from 0 to {most}"
    numbers = _numbers(series, column, rule)
    bad = ~((numbers >= 0) & (numbers <= most) & (numbers == np.floor(numbers)))
    _first(bad, column, numbers.tolist() if bad.any() else (), rule)
    return numbers.astype(np.int64)


def _months_since_payment(series: "pd.Series[Any]") -> FloatArray:
    rule = "months from 0 up, empty for a loan that never paid"
    months = _numbers(series, "months_since_payment", rule)
    bad = (months < 0) | np.isinf(months)
    _first(bad, "months_since_payment", months.tolist() if bad.any() else (), rule)
    return months


def _identifiers(series: "pd.Series[Any]") -> npt.NDArray[np.str_]:
    """Ids as text. A refusal names rows only: an id may point at a person."""
    identifiers = series.fillna("").astype(str)
    empty = (identifiers == "").to_numpy()
    _first(empty, "loan_id", [""] * len(series) if empty.any() else (), "an id is required")
    repeated = identifiers.duplicated().to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        first = int(np.argmax((identifiers == identifiers.iloc[row]).to_numpy()))
        raise BadColumn("loan_id", row + 1, "(withheld)", f"same id as row {first + 1}")
    return identifiers.to_numpy(dtype=np.str_)


def _codes(frame: pd.DataFrame, column: str) -> tuple[IntArray, tuple[str, ...]]:
    """Codes into sorted names; a missing column or cell is the empty name."""
    if column not in frame.columns:
        return np.zeros(len(frame), np.int64), ("",)
    names = frame[column].astype(object).where(frame[column].notna(), "").astype(str).str.strip()
    codes, labels = pd.factorize(names, sort=True)
    return codes.astype(np.int64), tuple(str(label) for label in labels)


def _choice(series: "pd.Series[Any]", column: str, choices: tuple[str, ...]) -> IntArray:
    index = pd.Index(choices).get_indexer(pd.Index(series.astype(object)))
    bad = index < 0
    _first(bad, column, series.to_list() if bad.any() else (), f"one of {', '.join(choices)}")
    return index.astype(np.int64)


def _status(frame: pd.DataFrame) -> IntArray:
    if "status" not in frame.columns:
        return np.zeros(len(frame), np.int64)
    return _choice(frame["status"], "status", STATUSES)


def _flags(series: "pd.Series[Any]", column: str) -> BoolArray:
    if series.dtype == np.bool_:
        return series.to_numpy(dtype=np.bool_).copy()
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    cells = [cell.lower() if isinstance(cell, str) else cell for cell in series.to_list()]
    flags = [known.get(cell) if pd.notna(cell) else None for cell in cells]
    bad = np.array([flag is None for flag in flags])
    _first(bad, column, cells, "true or false")
    return np.array(flags, dtype=np.bool_)
