"""Chapter 3: the pool by balance, time, product, place, person; and its concentration."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from reportlab.lib.colors import Color

from npa_market.diligence.report import style as look
from npa_market.diligence.report.composer import Composer, counted, percent
from npa_market.diligence.report.concentration import (
    largest_borrowers,
    largest_together,
    lorenz,
)
from npa_market.diligence.report.groups import Grouped, Row, checked, without_small_cells
from npa_market.diligence.report.inputs import PackageFacts, ReportInputs
from npa_market.packages.bidder_charts import LARGEST_GROUP
from npa_market.packages.bidder_grid import coarse_grid
from npa_market.packages.classes import CLASSIFIERS
from npa_market.packages.pictures import (
    LAST_BAND,
    bidder_claims,
    has_points,
    histogram,
    lorenz_curve,
)
from npa_market.packages.stratify import Band, Stratification, stratify_all

# Number of the table, key of the stratification, title, head of the first column.
TABLES = (
    ("T6", "balance", "Balance per loan", "Claim per loan"),
    ("T7", "days_overdue", "Days overdue", "Days overdue"),
    ("T8", "charge_off_quarter", "Vintage: quarter of charge-off", "Quarter"),
    ("T9", "origination_year", "Year of origination", "Year"),
    ("T10", "product", "Product", "Product"),
    ("T11", "province", "Province or state", "Province"),
    ("T11a", "city_tier", "City tier", "Tier"),
    ("T12", "age_band", "Age of the borrower", "Years"),
    ("T13", "sex", "Sex of the borrower", "Sex"),
    ("T14", "rate", "Yearly rate of the contract", "Rate"),
    ("T15", "credit_line", "Credit line", "Credit line"),
    ("T16", "grade", "Grade", "Grade"),
    ("T17", "age_months", "Months since charge-off", "Months"),
    ("T18", "last_payment", "Last payment before the cut-off date", "Last payment"),
    ("T19", "instalments_paid", "Instalments paid before default", "Instalments"),
    ("T20", "loans_per_borrower", "Loans per borrower in this package", "Loans"),
    ("T22", "litigation_status", "Litigation status", "Status"),
    ("T25", "status", "Insolvency, death and other status", "Status"),
    ("T27", "contactability", "Contactability", "Own number"),
    ("T33", "prior_placements", "Prior placements with agencies", "Placements"),
)
ELSEWHERE = {"T22", "T25", "T27", "T33"}
IN_CHAPTER_3 = tuple(number for number, *_ in TABLES if number not in ELSEWHERE)
OVERLAP = (
    "A borrower with loans in several bands counts once in each band and once in the total, so the "
    "borrowers of the bands can add up to more than the total. Bands of fewer than 5 borrowers are "
    "merged; where merged bands may share borrowers, their number is an upper bound (≤)."
)


def strata_of(frame: pd.DataFrame, package: PackageFacts) -> dict[str, Grouped]:
    """Every stratification by its number, T21 among them, checked against the package."""
    found = stratify_all(frame)
    tables = {
        number: checked(
            without_small_cells(
                _table(found[key], number, title, head), is_ordered=CLASSIFIERS[key].is_ordered
            ),
            package,
        )
        for number, key, title, head in TABLES
    }
    return tables | {"T21": checked(largest_borrowers(frame), package)}


def _table(found: Stratification, number: str, title: str, head: str) -> Grouped:
    """The market's table: the share is that of the total, not of the claim."""
    rows = tuple(_row(band.label, band, found.total.total_minor) for band in found.rows)
    return Grouped(number, title, head, rows, _row("Total", found.total, found.total.total_minor))


def _row(label: str, band: Band, whole_minor: int) -> Row:
    return Row(
        label,
        band.loans,
        band.borrowers,
        band.principal_minor,
        band.total_minor,
        band.total_minor / whole_minor if whole_minor else 0.0,
    )


def strata(paper: Composer, inputs: ReportInputs, tables: Mapping[str, Grouped]) -> None:
    """Chapter 3: T6 to T21, C2, C3, C4."""
    paper.chapter(
        3,
        "Stratification",
        "Each table splits the whole package; total = principal + interest, share = share of the "
        f"total, bars relative to the largest band. {OVERLAP}",
    )
    paper.groups(tables["T6"])
    _histogram(paper, inputs.frame)
    for number in IN_CHAPTER_3[1:]:
        paper.groups(tables[number])
        if number == "T7":
            _heat_map(paper, inputs.frame)
    _lorenz(paper, inputs.frame)
    _largest(paper, tables["T21"])


def _histogram(paper: Composer, frame: pd.DataFrame) -> None:
    chart = histogram(bidder_claims(frame), paper.currency)
    note = f"Bars of fewer than 5 borrowers are joined with their neighbours. {LAST_BAND}"
    paper.chart("C2", "Histogram of balances", chart, height=160, note=note)


def heat_grid(frame: pd.DataFrame) -> pd.DataFrame:
    """C3: share of the total, balance bands by bands of days overdue, both in their order.

    Neighbouring bands are joined until no cell has fewer than five borrowers.
    """
    borrowers, _ = pd.factorize(frame["borrower_token"])
    balances, days = coarse_grid(
        CLASSIFIERS["balance"].classify(frame),
        CLASSIFIERS["days_overdue"].classify(frame),
        borrowers.astype(np.int64),
    )
    total = (frame["principal_minor"] + frame["interest_minor"]).to_numpy(dtype=np.float64)
    grid = np.zeros((len(balances.labels), len(days.labels)))
    np.add.at(grid, (balances.codes, days.codes), total / (total.sum() or 1.0))
    shares = pd.DataFrame(grid, index=list(balances.labels), columns=list(days.labels))
    used_rows, used_columns = np.unique(balances.codes), np.unique(days.codes)
    return shares.iloc[used_rows, used_columns]


def _heat_map(paper: Composer, frame: pd.DataFrame) -> None:
    grid = heat_grid(frame)
    values = grid.to_numpy()
    top = float(values.max()) or 1.0
    body = [
        [name, *(_heat_text(value) for value in line), percent(float(line.sum()))]
        for name, line in zip(grid.index, values, strict=True)
    ]
    body.append(["Total", *(percent(float(value)) for value in values.sum(axis=0)), percent(1.0)])
    shades = [
        (column + 1, row + 1, _shade(float(values[row, column]) / top))
        for row in range(len(grid.index))
        for column in range(len(grid.columns))
    ]
    names = [name.removesuffix(" days") for name in grid.columns]
    heads = [
        name.replace(" to ", "\nto ").replace(" days", "").replace(" and", "\nand")
        for name in names
    ]
    first, last = 116.0, 44.0
    width = min((look.WIDTH - first - last) / len(heads), 70.0)
    table = paper.table(
        [[f"Claim per loan, {paper.currency}", *heads, "Share"], *body],
        [first, *[width] * len(heads), last],
        right=range(1, len(heads) + 2),
        total=True,
        shades=shades,
    )
    row, column = divmod(int(values.argmax()), len(heads))
    finding = (
        f"The densest cell holds {percent(top)} of the total: claim {grid.index[row]}, "
        f"{grid.columns[column]} overdue. Columns: days overdue."
    )
    paper.block([*paper.head("C3", "Balance by days overdue, share of total", finding), table])


def _heat_text(value: float) -> str:
    return percent(value) if value > 0 else ""


def _shade(part: float) -> Color:
    """From paper to a blue that black figures stay legible on."""
    deep = (0x8F, 0xB6, 0xDA)
    return Color(*(1 - part * (1 - channel / 255) for channel in deep))


def _largest(paper: Composer, table: Grouped) -> None:
    group = largest_together(table)
    finding = (
        f"The {counted(group.borrowers, 'largest borrower')} owe {percent(group.share, 2)} of the "
        "total."
        if group
        else f"The package has too few borrowers for a group of the {LARGEST_GROUP} largest."
    )
    paper.groups(table, finding)


def _lorenz(paper: Composer, frame: pd.DataFrame) -> None:
    curve = lorenz(frame)
    if not has_points(curve):
        paper.small("C4 is not drawn: each of its points needs 5 borrowers or more.")
        return
    chart = lorenz_curve(curve, word="total", part=0.1)
    note = f"Gini index {curve['gini']:.2f}. Between two points lie 5 borrowers or more."
    paper.chart("C4", "Concentration: Lorenz curve", chart, height=190, note=note)
