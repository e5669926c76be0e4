"""How the balance spreads over borrowers: the largest of them in groups, and the Lorenz curve.

The report is for bidders, so no figure is of fewer than five borrowers; see
`packages.bidder_charts`.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from npa_market.diligence.report.groups import Grouped, Row
from npa_market.packages.bidder_charts import (
    balance_rows,
    grouped_curve,
    largest_groups,
    ranks_beside,
)
from npa_market.packages.pictures import borrower_codes


def by_borrower(frame: pd.DataFrame) -> pd.DataFrame:
    """Loans, principal and total of each borrower, largest total first (ties as in the file)."""
    table = pd.DataFrame(
        {
            "principal": frame["principal_minor"],
            "total": frame["principal_minor"] + frame["interest_minor"],
        }
    )
    sums = table.groupby(borrower_codes(frame)).agg(
        loans=("total", "size"), principal=("principal", "sum"), total=("total", "sum")
    )
    return sums.sort_values("total", ascending=False, kind="stable")


def largest_borrowers(frame: pd.DataFrame) -> Grouped:
    """T21: borrowers by the rank of their total, in groups; one row where there are too few."""
    table = by_borrower(frame)
    whole = int(table["total"].sum())
    ends = [0, *largest_groups(len(table), _beside(frame)), len(table)]
    rows = tuple(
        _row(f"{first + 1:,} to {last:,}", table.iloc[first:last], whole)
        for first, last in pairwise(ends)
    )
    total = _row("Total", table, whole)
    return Grouped("T21", "Largest borrowers, by rank of their total", "Rank", rows, total)


def largest_together(table: Grouped) -> Row | None:
    """The first group of T21; none where it is the whole package."""
    return table.rows[0] if len(table.rows) > 1 else None


def _row(label: str, part: pd.DataFrame, whole: int) -> Row:
    total = int(part["total"].sum())
    return Row(
        label,
        int(part["loans"].sum()),
        len(part),
        int(part["principal"].sum()),
        total,
        total / whole if whole else 0.0,
    )


def lorenz(frame: pd.DataFrame) -> dict[str, Any]:
    """C4: `bidder_charts.grouped_curve` of each borrower's total."""
    owed = by_borrower(frame)["total"].to_numpy(dtype=np.float64)
    return grouped_curve(owed, _beside(frame))


def _beside(frame: pd.DataFrame) -> list[int]:
    borrowers = borrower_codes(frame)
    return ranks_beside(balance_rows(frame, borrowers), borrowers)
