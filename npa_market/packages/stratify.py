"""Stratification tables of a sealed package: pure functions on its frame.

Loans and money of a table's rows add up to its total row. Borrowers do not: one who has loans in
two bands is counted in both, and once in the total row.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from npa_market.packages.bidder_tables import (
    SMALLEST_PUBLIC_CELL,
    public_groups,
    regrouped,
)
from npa_market.packages.classes import CLASSIFIERS, Classes
from npa_market.packages.distinct import distinct_borrowers

STRATIFICATIONS: dict[str, str] = {key: each.title for key, each in CLASSIFIERS.items()}
HALF_BITS = 26
HALF = (1 << HALF_BITS) - 1
_MONEY = ("principal_minor", "interest_minor", "claim_minor")
# What `stratify` reads; receipts cost the most to load and are not among them.
STRATIFY_COLUMNS: tuple[str, ...] = tuple(
    dict.fromkeys(
        ["borrower_token", *_MONEY]
        + [column for each in CLASSIFIERS.values() for column in each.columns]
    )
)


@dataclass(frozen=True)
class Band:
    """One row. total = principal + interest; share = part of the package's claim, 0..1."""

    label: str
    loans: int
    borrowers: int
    principal_minor: int
    total_minor: int
    claim_minor: int
    share: float


@dataclass(frozen=True)
class Stratification:
    """One table. Rows without loans are left out; `total` equals the package."""

    key: str
    title: str
    rows: tuple[Band, ...]
    total: Band


@dataclass(frozen=True)
class _Pool:
    """Columns that every table sums, taken from the frame once."""

    borrowers: npt.NDArray[np.int64]
    principal: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]
    claim: npt.NDArray[np.int64]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "_Pool":
        principal, interest, claim = (frame[name].to_numpy(dtype=np.int64) for name in _MONEY)
        codes, _ = pd.factorize(frame["borrower_token"])
        return cls(codes.astype(np.int64), principal, principal + interest, claim)

    def borrowers_by(self, classes: Classes) -> npt.NDArray[np.int64]:
        """Distinct borrowers per class."""
        return distinct_borrowers(classes.codes, len(classes.labels), self.borrowers)


def stratify(frame: pd.DataFrame, by: str) -> Stratification:
    """The table `by` (a key of STRATIFICATIONS) of a frame of `sealed.read_sealed`.

    Raises KeyError for an unknown key.
    """
    return _stratify(frame, by, _Pool.of(frame))


def stratify_all(frame: pd.DataFrame) -> dict[str, Stratification]:
    """Every table, the borrowers looked up once."""
    pool = _Pool.of(frame)
    return {key: _stratify(frame, key, pool) for key in CLASSIFIERS}


def _stratify(frame: pd.DataFrame, by: str, pool: _Pool) -> Stratification:
    classifier = CLASSIFIERS[by]
    rows = [row for _, row in _rows(classifier.classify(frame), pool, classifier.is_ordered)]
    return Stratification(by, classifier.title, tuple(rows), _whole(pool))


def _rows(classes: Classes, pool: _Pool, is_ordered: bool) -> list[tuple[int, Band]]:
    """Each class that has loans with its row, in the order of the table."""
    used = np.flatnonzero(np.bincount(classes.codes, minlength=len(classes.labels)))
    rows = list(zip(used.tolist(), _bands(classes, pool), strict=True))
    if not is_ordered:
        rows.sort(key=lambda each: (-each[1].claim_minor, each[1].label))
    return rows


def _whole(pool: _Pool) -> Band:
    everything = Classes(np.zeros(len(pool.claim), dtype=np.int64), ("Total",))
    rows = _bands(everything, pool)
    return rows[0] if rows else Band("Total", 0, 0, 0, 0, 0, 0.0)


def _bands(classes: Classes, pool: _Pool) -> list[Band]:
    """Sums per class in integers; classes without loans left out."""
    size = len(classes.labels)
    loans = np.bincount(classes.codes, minlength=size)
    borrowers = pool.borrowers_by(classes)
    sums = [
        _exact_sums(classes.codes, amounts, size)
        for amounts in (pool.principal, pool.total, pool.claim)
    ]
    claim = int(pool.claim.sum())
    return [
        Band(
            label=classes.labels[index],
            loans=int(loans[index]),
            borrowers=int(borrowers[index]),
            principal_minor=int(sums[0][index]),
            total_minor=int(sums[1][index]),
            claim_minor=int(sums[2][index]),
            share=int(sums[2][index]) / claim if claim else 0.0,
        )
        for index in np.flatnonzero(loans)
    ]


def _exact_sums(
    codes: npt.NDArray[np.int64], amounts: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.int64]:
    """Sums per class in integers. By doubles in two halves, which stay exact below 2**53: many
    times faster than adding in place."""
    low = np.bincount(codes, weights=amounts & HALF, minlength=size)
    high = np.bincount(codes, weights=amounts >> HALF_BITS, minlength=size)
    return (high.astype(np.int64) << HALF_BITS) + low.astype(np.int64)


def public_bands(
    frame: pd.DataFrame, by: str, least_borrowers: int = SMALLEST_PUBLIC_CELL
) -> Stratification:
    """The table with every row of fewer borrowers merged, for use outside of the data room.

    Each row is made of whole rows of the data room's table (`bidder_tables.public_groups`). A
    package with fewer borrowers in all is one row.
    """
    return _public(frame, by, _Pool.of(frame), least_borrowers)


def public_tables(frame: pd.DataFrame, keys: Iterable[str]) -> dict[str, Stratification]:
    """Several of them, the borrowers looked up once."""
    pool = _Pool.of(frame)
    return {key: _public(frame, key, pool, SMALLEST_PUBLIC_CELL) for key in keys}


def _public(frame: pd.DataFrame, by: str, pool: _Pool, least_borrowers: int) -> Stratification:
    whole, classifier = _whole(pool), CLASSIFIERS[by]
    classes, is_ordered = classifier.classify(frame), classifier.is_ordered
    rows = _rows(classes, pool, is_ordered)
    counts = [row.borrowers for _, row in rows]
    groups = public_groups(counts, whole.borrowers, is_ordered=is_ordered, least=least_borrowers)
    merged = regrouped(
        classes,
        [[rows[place][0] for place in group] for group in groups],
        is_ordered=is_ordered,
    )
    return Stratification(by, classifier.title, tuple(_bands(merged, pool)), whole)


@dataclass(frozen=True)
class FieldCompleteness:
    """How many loans give a field."""

    field: str
    title: str
    filled: int
    missing: int

    @property
    def share(self) -> float:
        """Part of the loans that give the field, 0..1; 1 for no loans."""
        loans = self.filled + self.missing
        return self.filled / loans if loans else 1.0


_COMPLETENESS = {
    "product": "Product",
    "original_amount_minor": "Amount paid out",
    "credit_line_minor": "Credit line",
    "annual_rate_bp": "Yearly rate",
    "term_months": "Term",
    "instalments_paid": "Instalments paid",
    "origination_date": "Origination date",
    "default_date": "Default date",
    "charge_off_date": "Charge-off date",
    "last_payment_date": "Last payment (missing = never paid or not recorded)",
    "days_overdue": "Days overdue",
    "grade": "Grade",
    "province": "Province",
    "city_tier": "City tier",
    "sex": "Sex",
    "age_band": "Age",
    "litigation_status": "Litigation status",
    "is_reachable": "Contactability",
    "last_contact_month": "Last contact",
}
COMPLETENESS_COLUMNS = tuple(_COMPLETENESS)
# All that the tables of a package need.
TABLE_COLUMNS: tuple[str, ...] = tuple(dict.fromkeys(STRATIFY_COLUMNS + COMPLETENESS_COLUMNS))


def completeness(frame: pd.DataFrame) -> list[FieldCompleteness]:
    """Filled and missing per field; balances are always filled. Columns not read are left out."""
    rows = []
    for name, title in _COMPLETENESS.items():
        if name in frame.columns:
            missing = int((frame[name].isna() | (frame[name] == "").fillna(False)).sum())
            rows.append(FieldCompleteness(name, title, len(frame) - missing, missing))
    return rows


def weighted_mean(frame: pd.DataFrame, column: str) -> float | None:
    """Mean of a column weighted by principal + interest over the loans that give it, else None."""
    given = frame[column].notna().to_numpy()
    weights = (frame["principal_minor"] + frame["interest_minor"]).to_numpy(dtype=np.float64)[given]
    if not weights.sum():
        return None
    values = frame[column][given].to_numpy(dtype=np.float64)
    return float(np.average(values, weights=weights))
