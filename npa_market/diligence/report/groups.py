"""Tables by loans, borrowers, principal, total and share that add up to the package."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from npa_market.diligence.report.frames import Labels
from npa_market.diligence.report.inputs import PackageFacts, ReportDoesNotAddUp
from npa_market.packages.bidder_tables import borrowers_of, merged_groups, merged_label


@dataclass(frozen=True)
class Row:
    """One band; amounts in minor units, share of the total (principal + interest), 0..1."""

    label: str
    loans: int
    borrowers: int
    principal_minor: int
    total_minor: int
    share: float
    borrowers_at_most: bool = False


@dataclass(frozen=True)
class Grouped:
    """A table of the report: number (`T6`), title, rows, and the total row."""

    number: str
    title: str
    head: str
    rows: tuple[Row, ...]
    total: Row

    @property
    def largest(self) -> Row:
        """The band with the largest total; the first of several."""
        return max(self.rows, key=lambda row: row.total_minor)


def grouped(
    frame: pd.DataFrame,
    labels: Labels,
    *,
    order: Iterable[str],
    number: str,
    title: str,
    head: str,
) -> Grouped:
    """Group the sealed loans by one label each; bands in `order`, empty ones left out.

    A borrower with loans in several bands counts once in each and once in the total. Raises
    ReportDoesNotAddUp where a label is not in `order`, because its loans would be lost.
    """
    keys = pd.Series(labels, index=frame.index, name="label")
    columns = pd.DataFrame(
        {
            "label": keys,
            "borrower": frame["borrower_token"],
            "principal": frame["principal_minor"],
            "total": frame["principal_minor"] + frame["interest_minor"],
        }
    )
    sums = columns.groupby("label", sort=False).agg(
        loans=("borrower", "size"),
        borrowers=("borrower", "nunique"),
        principal=("principal", "sum"),
        total=("total", "sum"),
    )
    whole = int(columns["total"].sum())
    found = sums.to_dict("index")
    rows = tuple(_row(label, found[label], whole) for label in order if label in found)
    total = Row(
        "Total",
        len(frame),
        int(frame["borrower_token"].nunique()),
        int(columns["principal"].sum()),
        whole,
        1.0,
    )
    table = Grouped(number, title, head, rows, total)
    _check("loans", table, sum(row.loans for row in rows), total.loans)
    return table


def _row(label: str, sums: Mapping[Hashable, int], whole: int) -> Row:
    total = int(sums["total"])
    share = total / whole if whole else 0.0
    return Row(
        label,
        int(sums["loans"]),
        int(sums["borrowers"]),
        int(sums["principal"]),
        total,
        share,
    )


def checked(table: Grouped, package: PackageFacts) -> Grouped:
    """The table, once its rows and its total row agree with the package (T1)."""
    parts = {
        "loans": (sum(row.loans for row in table.rows), package.loans),
        "principal": (sum(row.principal_minor for row in table.rows), package.principal_minor),
        "total": (sum(row.total_minor for row in table.rows), package.total_minor),
    }
    for figure, (found, expected) in parts.items():
        _check(figure, table, found, expected)
    _check("loans in the total row", table, table.total.loans, package.loans)
    _check("borrowers", table, table.total.borrowers, package.borrowers)
    _check(
        "principal in the total row", table, table.total.principal_minor, package.principal_minor
    )
    _check("total in the total row", table, table.total.total_minor, package.total_minor)
    return table


def without_small_cells(table: Grouped, *, is_ordered: bool = True) -> Grouped:
    """The table with rows of fewer than five borrowers merged, as on the package's page."""
    counts, whole = [row.borrowers for row in table.rows], table.total.borrowers
    rows = []
    for group in merged_groups(counts, whole, is_ordered=is_ordered):
        members = [table.rows[place] for place in group]
        borrowers, is_bound = borrowers_of(group, counts, whole)
        total = sum(row.total_minor for row in members)
        rows.append(
            Row(
                merged_label([row.label for row in members], is_ordered=is_ordered),
                sum(row.loans for row in members),
                borrowers,
                sum(row.principal_minor for row in members),
                total,
                total / table.total.total_minor if table.total.total_minor else 0.0,
                is_bound,
            )
        )
    return replace(table, rows=tuple(rows))


def check_frame(frame: pd.DataFrame, package: PackageFacts) -> None:
    """The sealed rows agree with the package's own totals; else no report."""
    figures = {
        "loans": (len(frame), package.loans),
        "borrowers": (int(frame["borrower_token"].nunique()), package.borrowers),
        "principal": (int(frame["principal_minor"].sum()), package.principal_minor),
        "interest": (int(frame["interest_minor"].sum()), package.interest_minor),
        "fees": (int(frame["fees_minor"].sum()), package.fees_minor),
        "claim": (int(frame["claim_minor"].sum()), package.claim_minor),
    }
    for figure, (found, expected) in figures.items():
        if found != expected:
            raise ReportDoesNotAddUp("Sealed file", figure, found, expected)


def _check(figure: str, table: Grouped, found: int, expected: int) -> None:
    if found != expected:
        raise ReportDoesNotAddUp(f"{table.number} {table.title}", figure, found, expected)
