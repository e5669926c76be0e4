"""Histories from files: refusals name the file as well as row and column."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pricing.errors import BadFile, PricingError
from pricing.history.counts import History
from pricing.history.door import Repeats, read_history
from pricing.history.grouped import read_grouped
from pricing.tables import read_table


@dataclass(frozen=True)
class HistoryFiles:
    """Where a history is. cash: rows of cash, or of counts if is_grouped; accounts: rows of
    loans, None where they stand in `cash`."""

    cash: Path
    accounts: Path | None = None
    is_grouped: bool = False
    observed_to: str | None = None
    repeats: Repeats = "refuse"


def read_history_files(files: HistoryFiles, *, currency: str, basis: str) -> History:
    """A history from CSV or Parquet. Raises BadFile, whose text holds the file and the cause."""
    frame = read_table(files.cash)
    if files.is_grouped:
        with _named(files.cash):
            return read_grouped(frame, currency=currency, basis=basis)
    loans = None if files.accounts is None else read_table(files.accounts)
    with _named(files.cash, files.accounts):
        return read_history(
            frame,
            loans,
            currency=currency,
            basis=basis,
            observed_to=files.observed_to,
            repeats=files.repeats,
        )


OF_CASH = ("age_month", "cash", "settled")  # columns that only the table of cash has


@contextmanager
def _named(cash: Path, accounts: Path | None = None) -> Iterator[None]:
    """Put the name of the file before a refusal; both names where it may be either."""
    try:
        yield
    except PricingError as refusal:
        column = getattr(refusal, "column", "loan_id")
        paths = [cash] if accounts is None or column in OF_CASH else [accounts]
        if accounts is not None and column == "loan_id":
            paths = [cash, accounts]
        names = " or ".join(str(path) for path in paths)
        raise BadFile(names, str(refusal)) from refusal
