"""What the charts of a package show, worked out once from its rows and kept as plain JSON."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from npa_market.common.charts import CurveChart, HistogramChart, Line
from npa_market.common.money import format_minor
from npa_market.packages.bidder_charts import (
    balance_rows,
    gini,
    grouped_curve,
    joined_bins,
    ranks_beside,
    running_shares,
)
from npa_market.packages.bidder_grid import coarse_grid
from npa_market.packages.classes import CLASSIFIERS, Classes

BINS, POINTS = 24, 101
LAST_BAND = "The last band also holds all larger claims."
HEAT = ("balance", "days_overdue")
Amounts = npt.NDArray[np.int64]


def pictures(frame: pd.DataFrame) -> dict[str, Any]:
    """Histogram of claims, claim by balance and days overdue, Lorenz curve over borrowers.

    Each as it is, for the seller, and `bidder_…` with small groups merged, for everybody else.
    """
    claim = frame["claim_minor"].to_numpy(dtype=np.int64)
    if not len(claim):
        return {}
    borrowers = borrower_codes(frame)
    owed = np.bincount(borrowers, weights=claim.astype(np.float64)).astype(np.float64)
    down, across = (CLASSIFIERS[key].classify(frame) for key in HEAT)
    rows, edges = balance_rows(frame, borrowers), _edges(claim)
    return {
        "claims": _counted(edges, claim),
        "bidder_claims": _joined_claims(edges, claim, borrowers, rows),
        "heat": _heat(down, across, claim),
        "bidder_heat": _heat(*coarse_grid(down, across, borrowers), claim),
        "lorenz": _lorenz(owed),
        "bidder_lorenz": grouped_curve(owed, ranks_beside(rows, borrowers)),
    }


def borrower_codes(frame: pd.DataFrame) -> Amounts:
    """A number per borrower, for each loan."""
    codes, _ = pd.factorize(frame["borrower_token"])
    return np.asarray(codes, dtype=np.int64)


def bidder_claims(frame: pd.DataFrame) -> dict[str, Any]:
    """The histogram of claims with neighbouring bins joined; see `bidder_charts.joined_bins`."""
    claim, borrowers = frame["claim_minor"].to_numpy(dtype=np.int64), borrower_codes(frame)
    return _joined_claims(_edges(claim), claim, borrowers, balance_rows(frame, borrowers))


def _joined_claims(
    edges: Amounts, claim: Amounts, borrowers: Amounts, rows: Classes
) -> dict[str, Any]:
    return _counted(joined_bins(edges, _bins(edges, claim), borrowers, rows), claim)


def _edges(claim: Amounts) -> Amounts:
    """Equally wide bins of a round width up to the 98th percentile; larger ones in the last."""
    high = max(int(np.percentile(claim, 98)), 1)
    power = 10 ** max(0, len(str(high // BINS)) - 1)
    width = next(step * power for step in (1, 2, 5, 10) if step * power * BINS >= high)
    return np.asarray(np.arange(high // width + 2) * width, dtype=np.int64)


def _bins(edges: Amounts, claim: Amounts) -> Amounts:
    inside = np.minimum(claim, edges[-1] - 1)
    return np.asarray(np.searchsorted(edges, inside, side="right") - 1, dtype=np.int64)


def _counted(edges: Amounts, claim: Amounts) -> dict[str, Any]:
    counts = np.bincount(_bins(edges, claim), minlength=len(edges) - 1)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _heat(down: Classes, across: Classes, claim: Amounts) -> dict[str, Any]:
    """Claim per cell in minor units; bands without loans are left out."""
    width = len(across.labels)
    cells = np.zeros(len(down.labels) * width, dtype=np.int64)
    np.add.at(cells, down.codes * width + across.codes, claim)
    grid = cells.reshape(-1, width)
    rows, columns = np.unique(down.codes), np.unique(across.codes)
    return {
        "rows": [down.labels[row] for row in rows],
        "columns": [across.labels[column] for column in columns],
        "claim_minor": grid[np.ix_(rows, columns)].tolist(),
    }


def _lorenz(owed: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Share of the claim of the poorest part of the borrowers, at equal steps; Gini index."""
    running = running_shares(owed)
    steps = np.linspace(0, 1, POINTS)
    shares = np.interp(steps, np.linspace(0, 1, len(running)), running)
    return {
        "borrowers": steps.tolist(),
        "shares": [round(each, 6) for each in shares.tolist()],
        "gini": gini(running),
    }


def histogram(kept: dict[str, Any], currency: str) -> HistogramChart:
    """How claims spread over loans."""
    edges, counts = kept["edges"], kept["counts"]
    top = counts.index(max(counts))
    share = counts[top] / (sum(counts) or 1) * 100
    low, high = (format_minor(edge, currency) for edge in edges[top : top + 2])
    title = f"{share:.0f} % of the loans are claims of {low} to {high} {currency}"
    return HistogramChart(
        title=title,
        alt=f"Histogram of claims per loan. {title}. {LAST_BAND}",
        x_label="Claim per loan",
        y_label="Loans",
        x_unit=currency,
        edges=tuple(edges),
        counts=tuple(counts),
    )


def lorenz_curve(kept: dict[str, Any], *, word: str = "claim", part: float = 0.2) -> CurveChart:
    """How the claim is spread over borrowers; the title is of the drawn point nearest to `part`."""
    shares = kept["shares"]
    # Packages screened before the points were kept have them at equal steps.
    places = kept.get("borrowers") or [place / (len(shares) - 1) for place in range(len(shares))]
    top = min(range(1, len(places) - 1), key=lambda place: abs(1 - part - places[place]))
    title = (
        f"The largest {(1 - places[top]) * 100:.0f} % of the borrowers owe "
        f"{(1 - shares[top]) * 100:.0f} % of the {word}"
    )
    return CurveChart(
        title=title,
        alt=f"Lorenz curve of the {word} over borrowers. {title}. Gini index {kept['gini']:.2f}.",
        x_label="Share of the borrowers, smallest first",
        y_label=f"Share of the {word}",
        x_unit="%",
        unit="%",
        x=tuple(places),
        lines=(Line(word.capitalize(), tuple(shares)), Line("All alike", tuple(places))),
    )


def has_points(kept: dict[str, Any]) -> bool:
    """Whether a Lorenz curve says more than its two ends."""
    return len(kept["shares"]) > 2


def heat_rows(kept: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the heat map: label, and per cell its share of the claim and a shade of 0 to 45."""
    cells = kept["claim_minor"]
    whole = sum(map(sum, cells)) or 1
    top = max(map(max, cells)) or 1
    return [
        {
            "label": label,
            "cells": [
                {
                    "column": column,
                    "share": value / whole,
                    "shade": round(value / top * 45),
                    "claim_minor": value,
                }
                for column, value in zip(kept["columns"], row, strict=True)
            ],
            "share": sum(row) / whole,
        }
        for label, row in zip(kept["rows"], cells, strict=True)
    ]
