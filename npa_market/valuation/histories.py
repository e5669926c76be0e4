"""Payment histories for a calibration: an uploaded table, or the receipts of a sealed package."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.files import open_stored
from npa_market.common.money import minor_digits
from npa_market.packages.models import Package
from npa_market.packages.sealed import read_sealed, receipts_of

if TYPE_CHECKING:
    import pandas as pd

    from pricing import History

SUFFIXES = (".csv", ".csv.gz", ".parquet")
NEEDED = ("loan_id", "age_month", "cash", "balance", "product")
KNOWN = frozenset(
    {
        *NEEDED,
        "settled",
        "cohort",
        "charge_off_date",
        "observed_months",
        "entry_age",
        "currency",
        "basis",
        "prior_placements",
        "litigation_status",
        "reachable",
        "months_since_payment",
        "region",
    }
)
TRIANGLE_AGES = (3, 6, 9, 12, 18, 24, 30, 36, 48, 60)
CHUNK = 1 << 20


@dataclass(frozen=True)
class ReadHistory:
    """Grouped counts, and what of the source they leave out, in words."""

    history: "History"
    left_out: tuple[str, ...]


def suffix_of(file_name: str) -> str:
    """`.csv`, `.csv.gz` or `.parquet`. Raises InvalidInput."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if file_name.lower().endswith(suffix):
            return suffix
    raise InvalidInput(
        "history_form", f"A history is a file ending in {', '.join(SUFFIXES)}.", field="file"
    )


def check_header(path: Path) -> None:
    """Refuse a file that lacks columns, or has any that a history does not need.

    Columns are named, never a value: nothing about a person is taken in with a history.
    """
    present = _header(path)
    missing = [name for name in NEEDED if name not in present]
    if missing:
        raise InvalidInput(
            "history_column_missing", f"The file has no column {', '.join(missing)}.", field="file"
        )
    if not {"cohort", "charge_off_date"} & set(present):
        raise InvalidInput(
            "history_column_missing", "The file needs cohort or charge_off_date.", field="file"
        )
    unknown = [name[:40] for name in present if name not in KNOWN]
    if unknown:
        raise InvalidInput(
            "history_column_unknown",
            f"A history does not need {', '.join(unknown[:8])}; take these columns out, so that "
            "no more about borrowers is handed over than the fit uses.",
            field="file",
        )


def _header(path: Path) -> list[str]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".parquet":
            return [str(name) for name in pq.read_schema(path).names]
        return [str(name) for name in pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns]
    except (pa.ArrowInvalid, ValueError, OSError, EOFError) as reason:
        raise InvalidInput(
            "history_unreadable", "The file cannot be read as a table.", field="file"
        ) from reason


def uploaded_history(sha256: str, file_name: str, *, currency: str, basis: str) -> ReadHistory:
    """The history of a stored upload. Raises pricing.PricingError naming row and column."""
    from pricing import read_history
    from pricing.tables import read_table

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"history{suffix_of(file_name)}"
        with open_stored(sha256) as source, path.open("wb") as copy:
            for chunk in iter(lambda: source.read(CHUNK), b""):
                copy.write(chunk)
        frame = read_table(path)
    return ReadHistory(read_history(frame, currency=currency, basis=basis), ())


def package_history(package: Package) -> ReadHistory:
    """Receipts after charge-off of a package's loans, watched to its cut-off date.

    Balances are the claim at charge-off as far as the tape tells: the claim at the cut-off date
    and what was received since. Loans without charge-off date, or whose receipts have no month,
    are left out and counted.
    """
    from pricing import read_history

    columns = ["loan_token", "product", "claim_minor", "charge_off_date"]
    loans, receipts = read_sealed(package, columns), receipts_of(package)
    scale = 10 ** minor_digits(package.currency)
    undated = set(receipts.loc[receipts["month"].isna(), "loan_token"])
    usable = loans["charge_off_date"].notna() & ~loans["loan_token"].isin(undated)
    usable &= loans["charge_off_date"] < _month_of(package)
    left_out = _left_out(loans, undated, usable)
    loans = loans[usable]
    if loans.empty:
        raise Refused(
            "history_empty",
            f"{package.reference} has no loan with a dated charge-off and receipts.",
        )
    paid = _payments(loans, receipts, scale)
    received = paid.groupby("loan_id")["cash"].sum()
    table = loans.rename(columns={"loan_token": "loan_id"})
    balance = table["claim_minor"].astype("float64") / scale
    table = table.assign(balance=balance + table["loan_id"].map(received).fillna(0.0))
    history = read_history(
        paid,
        table.drop(columns=["claim_minor"]),
        currency=package.currency,
        basis="claim",
        observed_to=package.cut_off_date.isoformat(),
        repeats="add",
    )
    return ReadHistory(history, left_out)


def _month_of(package: Package) -> Any:
    """First day of the cut-off month: a loan charged off in it has not been watched a month."""
    import pandas as pd

    return pd.Timestamp(package.cut_off_date).to_period("M").to_timestamp()


def _payments(loans: "pd.DataFrame", receipts: "pd.DataFrame", scale: int) -> "pd.DataFrame":
    """Rows of loan_id, age_month (from 1), cash in major units."""
    month = receipts["month"].dt
    since = loans.set_index("loan_token")["charge_off_date"].dt
    first = (since.year * 12 + since.month).reindex(receipts["loan_token"]).to_numpy()
    age = month.year.to_numpy() * 12 + month.month.to_numpy() - first
    rows = receipts.assign(loan_id=receipts["loan_token"], age_month=age)
    rows = rows[(rows["age_month"] >= 1) & (rows["gross_minor"] > 0)]
    cash = rows["gross_minor"].astype("float64") / scale
    return rows.assign(age_month=rows["age_month"].astype("int64"), cash=cash)[
        ["loan_id", "age_month", "cash"]
    ]


def _left_out(loans: "pd.DataFrame", undated: set[str], usable: Any) -> tuple[str, ...]:
    no_date = int(loans["charge_off_date"].isna().sum())
    no_month = int(loans["loan_token"].isin(undated).sum())
    too_young = int((~usable).sum()) - no_date - no_month
    told: Iterable[tuple[int, str]] = (
        (no_date, "without charge-off date"),
        (no_month, "whose receipts have no month"),
        (max(too_young, 0), "charged off in the month of the cut-off date"),
    )
    return (
        *(f"{count:,} loans {words} are left out" for count, words in told if count),
        "Loans that paid in full before the package was drawn are not in it, so the fitted level "
        "is that of loans that remained.",
    )


def triangle_of(history: "History") -> dict[str, Any]:
    """Cumulative receipts over balances by cohort at some ages; None where not watched so long.

    Ratios month by month are added, so that loans whose watching ends leave both sides at once.
    """
    import numpy as np

    balance, cash = history.balance.sum(axis=0), history.cash.sum(axis=0)
    ratio = np.divide(cash, balance, out=np.zeros_like(cash), where=balance > 0).cumsum(axis=1)
    ages = [age for age in TRIANGLE_AGES if age <= history.ages]
    rows = []
    for place, cohort in enumerate(history.cohorts):
        cells = [
            round(float(ratio[place, age - 1]), 6) if balance[place, age - 1] > 0 else None
            for age in ages
        ]
        rows.append([cohort, round(float(balance[place].max(initial=0.0)), 2), cells])
    return {"ages": ages, "rows": rows}
