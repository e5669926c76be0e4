"""What a notice says of a package: totals, averages and counts, no cell below ten borrowers.

Pure functions on a frame of the sealed file. Start price and reserve are no part of a notice.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from npa_market.packages.stratify import public_tables, weighted_mean

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("grade", "litigation_status", "province", "charge_off_quarter", "product")
AVERAGES = ("days_overdue", "age_months", "annual_rate_bp", "credit_line_minor")
FACT_COLUMNS = (
    "borrower_token", "principal_minor", "interest_minor", "fees_minor", "claim_minor", "currency",
    "product", "grade", "province", "litigation_status", "charge_off_date", *AVERAGES,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A part that is not its whole: which figure, what the parts make and what is stated."""

    figure: str
    parts: int
    stated: int


def facts_of(frame: "pd.DataFrame") -> dict[str, Any]:
    """The figures of a notice as plain JSON; money in integer minor units.

    total = principal + interest; other fees stand apart. Averages weigh with the total, over the
    loans that give the value; the mean per borrower is rounded half up to a minor unit.
    """
    per_borrower = (
        (frame["principal_minor"] + frame["interest_minor"])
        .groupby(frame["borrower_token"].to_numpy())
        .sum()
    )
    total, borrowers = int(per_borrower.sum()), len(per_borrower)
    return {
        "loans": len(frame),
        "borrowers": borrowers,
        "principal_minor": int(frame["principal_minor"].sum()),
        "interest_minor": int(frame["interest_minor"].sum()),
        "total_minor": total,
        "fees_minor": int(frame["fees_minor"].sum()),
        "most_per_borrower_minor": int(per_borrower.max()),
        "mean_per_borrower_minor": (2 * total + borrowers) // (2 * borrowers),
        "charged_off_loans": int(frame["charge_off_date"].notna().sum()),
        "averages": {
            name: round(mean, 2)
            for name in AVERAGES
            if (mean := weighted_mean(frame, name)) is not None
        },
        "tables": {
            key: [asdict(row) for row in table.rows]
            for key, table in public_tables(frame, TABLES).items()
        },
    }


def mismatches(facts: dict[str, Any]) -> list[Mismatch]:
    """Parts that are not their whole, for money and for every table; empty = the notice adds up."""
    found = [
        Mismatch("total", facts["principal_minor"] + facts["interest_minor"], facts["total_minor"])
    ]
    for key, rows in facts["tables"].items():
        for figure, whole in (
            ("loans", facts["loans"]),
            ("principal_minor", facts["principal_minor"]),
            ("total_minor", facts["total_minor"]),
        ):
            if rows:
                found.append(Mismatch(f"{key}.{figure}", sum(row[figure] for row in rows), whole))
    return [each for each in found if each.parts != each.stated]
