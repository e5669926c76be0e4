"""The pool as arrays, checked at the door."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pricing.canonical import BoolArray, FloatArray, IntArray
from pricing.columns import (
    balances,
    choices,
    codes_of,
    flags,
    identifiers,
    months_since_payment,
    receipts,
    whole_numbers,
)
from pricing.errors import EmptyPool, MissingColumn, MixedBasis, MixedCurrency

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
    fees). paid_before: received since charge-off, on the same basis; None = 0, or not told.
    product, region, channel: codes into the tuples of names beside them ("" = not given).
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
    paid_before: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.balance)

    @property
    def is_live(self) -> BoolArray:
        """Loans that can still pay; the others are worth 0 and are listed."""
        return np.asarray(self.status == STATUSES.index(LIVE), dtype=np.bool_)

    @property
    def owed_at_charge_off(self) -> FloatArray:
        """What payments are a share of, (loans,): what is left and what was paid."""
        return self.balance if self.paid_before is None else self.balance + self.paid_before

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
            if value is None:
                continue
            digest.update(f"\n{field.name}:".encode())
            if not isinstance(value, np.ndarray):
                digest.update(repr(value).encode())
            elif value.dtype.kind == "U":  # width depends on the longest id, so hash the text
                digest.update("\0".join(value.tolist()).encode())
            else:
                digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()


def check_units(frame: pd.DataFrame, currency: str, basis: str) -> None:
    """One currency and one basis in arguments and, where the frame has them, in every row."""
    if basis not in BASES:
        raise MixedBasis(basis, list(BASES))
    if not currency:
        raise MixedCurrency(currency, "any")
    for name in _names(frame, "currency"):
        if name != currency:
            raise MixedCurrency(name, currency)
    for name in _names(frame, "basis"):
        if name != basis:
            raise MixedBasis(name, [basis])


def _names(frame: pd.DataFrame, column: str) -> Iterable[str]:
    return frame[column].astype(object).map(str).unique() if column in frame.columns else ()


def read_loans(frame: pd.DataFrame, *, currency: str, basis: str) -> Loans:
    """Check a frame and turn it into `Loans`.

    Columns: REQUIRED, and optionally `channel` (default: the calibration's), `status` (default
    live), `paid_before` (default 0), `currency` and `basis` (the arguments' in every row). Raises
    EmptyPool, MissingColumn, BadColumn (row counted from 1), MixedBasis, MixedCurrency.
    """
    check_units(frame, currency, basis)
    for column in REQUIRED:
        if column not in frame.columns:
            raise MissingColumn(column, [str(name) for name in frame.columns])
    if len(frame) == 0:
        raise EmptyPool("the pool has no loan")
    product, products = codes_of(frame, "product")
    region, regions = codes_of(frame, "region")
    channel, channels = codes_of(frame, "channel")
    arrays: dict[str, Any] = {
        "loan_id": identifiers(frame["loan_id"]),
        "balance": balances(frame["balance"]),
        "age_months": whole_numbers(frame["age_months"], "age_months", MOST_AGE),
        "months_since_payment": months_since_payment(frame["months_since_payment"]),
        "prior_placements": whole_numbers(frame["prior_placements"], "prior_placements", 1000),
        "litigation": choices(frame["litigation_status"], "litigation_status", LITIGATION),
        "reachable": flags(frame["reachable"], "reachable"),
        "status": _status(frame),
        "product": product,
        "region": region,
        "channel": channel,
    }
    if "paid_before" in frame.columns:
        arrays["paid_before"] = receipts(frame["paid_before"])
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


def _status(frame: pd.DataFrame) -> IntArray:
    if "status" not in frame.columns:
        return np.zeros(len(frame), np.int64)
    return choices(frame["status"], "status", STATUSES)
