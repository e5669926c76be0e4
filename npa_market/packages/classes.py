"""How the rows of a sealed package fall into classes: one classifier per stratification."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from npa_market.packages.bands import (
    AGE_BANDS,
    AGE_MONTHS,
    DAYS_OVERDUE,
    INSTALMENTS,
    LAST_PAYMENT,
    LOANS_PER_BORROWER,
    NEVER,
    NOT_GIVEN,
    PLACEMENTS,
    RATE_BP,
    Bands,
    balance_bands,
)
from npa_market.tapes.geography import TIERS
from npa_market.tapes.models import LitigationStatus, LoanStatus

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Classes:
    """Class of each row, (loans,), as an index into `labels`, which stand in their order."""

    codes: Codes
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Classifier:
    """Title of the table, and the rule. Unordered classes are shown by claim, largest first."""

    title: str
    classify: Callable[[pd.DataFrame], Classes]
    columns: tuple[str, ...]
    is_ordered: bool = True


def _in_bands(values: "pd.Series[Any]", bands: Bands, missing: str) -> Classes:
    numbers = values.astype("Int64")
    codes = np.searchsorted(
        np.array(bands.edges), numbers.fillna(0).to_numpy(dtype=np.int64), side="right"
    )
    codes[numbers.isna().to_numpy()] = len(bands.labels)
    return Classes(codes.astype(np.int64), (*bands.labels, missing))


def _numbers(title: str, column: str, bands: Bands, missing: str = NOT_GIVEN) -> Classifier:
    return Classifier(title, lambda frame: _in_bands(frame[column], bands, missing), (column,))


def _amounts(title: str, column: str) -> Classifier:
    def classify(frame: pd.DataFrame) -> Classes:
        currency = str(frame["currency"].iloc[0]) if len(frame) else ""
        return _in_bands(frame[column], balance_bands(currency), NOT_GIVEN)

    return Classifier(title, classify, (column, "currency"))


def _named(title: str, column: str, names: Mapping[str, str]) -> Classifier:
    """A code list in its own order; a value outside of it stands under its own name."""

    def classify(frame: pd.DataFrame) -> Classes:
        others = sorted(set(frame[column].unique()) - set(names) - {""})
        values = [*names, *others]
        codes = pd.Index(values).get_indexer(frame[column])
        labels = (*names.values(), *others, NOT_GIVEN)
        return Classes(np.where(codes < 0, len(values), codes).astype(np.int64), labels)

    return Classifier(title, classify, (column,))


def _texts(title: str, column: str) -> Classifier:
    return Classifier(
        title, lambda frame: _distinct(frame[column].replace("", None)), (column,), False
    )


def _distinct(values: "pd.Series[Any]") -> Classes:
    """Each value its own class, in sorted order; missing ones last."""
    codes, labels = pd.factorize(values, sort=True)
    return Classes(
        np.where(codes < 0, len(labels), codes).astype(np.int64),
        (*(str(label) for label in labels), NOT_GIVEN),
    )


def _quarters(frame: pd.DataFrame) -> Classes:
    dates = frame["charge_off_date"].dt
    ordinals = (dates.year * 4 + dates.quarter - 1).astype("Int64")
    classes = _distinct(ordinals)
    words = [f"{int(each) // 4} Q{int(each) % 4 + 1}" for each in classes.labels[:-1]]
    return Classes(classes.codes, (*words, NOT_GIVEN))


def _years(frame: pd.DataFrame) -> Classes:
    return _distinct(frame["origination_date"].dt.year.astype("Int64"))


def _contactability(frame: pd.DataFrame) -> Classes:
    reachable = frame["is_reachable"]
    codes = np.where(reachable.isna(), 2, np.where(reachable.fillna(False), 0, 1))
    return Classes(codes.astype(np.int64), ("Reachable", "Not reachable", "Not known"))


def _loans_per_borrower(frame: pd.DataFrame) -> Classes:
    counts = frame["borrower_token"].map(frame["borrower_token"].value_counts())
    return _in_bands(counts, LOANS_PER_BORROWER, NOT_GIVEN)


_GRADES = ("pass", "special mention", "substandard", "doubtful", "loss")
CLASSIFIERS: dict[str, Classifier] = {
    "balance": _amounts("Claim", "claim_minor"),
    "principal": _amounts("Principal", "principal_minor"),
    "days_overdue": _numbers("Days overdue", "days_overdue", DAYS_OVERDUE),
    "age_months": _numbers("Months since charge-off", "age_months", AGE_MONTHS),
    "charge_off_quarter": Classifier("Charge-off quarter", _quarters, ("charge_off_date",)),
    "origination_year": Classifier("Origination year", _years, ("origination_date",)),
    "product": _texts("Product", "product"),
    "province": _texts("Province", "province"),
    "city_tier": _named(
        "City tier", "city_tier", {key: title for key, title in TIERS.items() if key}
    ),
    "age_band": _named("Age of the borrower", "age_band", {band: band for band in AGE_BANDS}),
    "sex": _named("Sex", "sex", {"f": "Female", "m": "Male"}),
    "rate": _numbers("Yearly rate", "annual_rate_bp", RATE_BP),
    "credit_line": _amounts("Credit line", "credit_line_minor"),
    "grade": _named("Grade", "grade", {grade: grade.capitalize() for grade in _GRADES}),
    "litigation_status": _named(
        "Litigation status",
        "litigation_status",
        {value: str(label) for value, label in LitigationStatus.choices},
    ),
    "contactability": Classifier("Contactability", _contactability, ("is_reachable",)),
    "last_payment": _numbers("Last payment", "months_since_payment", LAST_PAYMENT, NEVER),
    "instalments_paid": _numbers("Instalments paid", "instalments_paid", INSTALMENTS),
    "loans_per_borrower": Classifier(
        "Loans per borrower", _loans_per_borrower, ("borrower_token",)
    ),
    "prior_placements": _numbers("Placements with agencies before", "prior_placements", PLACEMENTS),
    "status": _named(
        "Status", "status", {value: str(label) for value, label in LoanStatus.choices}
    ),
}
