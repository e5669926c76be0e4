"""What the charts of a package show, worked out once from its rows and kept as plain JSON."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from npa_market.common.charts import CurveChart, HistogramChart, Line
from npa_market.common.money import format_minor
from npa_market.packages.bidder_grid import coarse_grid
from npa_market.packages.classes import CLASSIFIERS, Classes

BINS, POINTS = 24, 101
HEAT = ("balance", "days_overdue")
Amounts = npt.NDArray[np.int64]


def pictures(frame: pd.DataFrame) -> dict[str, Any]:
    """Histogram of claims, claim by balance and days overdue, Lorenz curve over borrowers."""
    claim = frame["claim_minor"].to_numpy(dtype=np.int64)
    if not len(claim):
        return {}
    codes, _ = pd.factorize(frame["borrower_token"])
    owed = np.bincount(codes, weights=claim.astype(np.float64)).astype(np.float64)
    down, across = (CLASSIFIERS[key].classify(frame) for key in HEAT)
    return {
        "claims": _bins(claim),
        "heat": _heat(down, across, claim),
        "bidder_heat": _heat(*coarse_grid(down, across, codes.astype(np.int64)), claim),
        "lorenz": _lorenz(owed),
    }


def _bins(claim: Amounts) -> dict[str, Any]:
    """Equally wide bins of a round width up to the 98th percentile; larger ones in the last."""
    high = max(int(np.percentile(claim, 98)), 1)
    power = 10 ** max(0, len(str(high // BINS)) - 1)
    width = next(step * power for step in (1, 2, 5, 10) if step * power * BINS >= high)
    edges = np.arange(high // width + 2) * width
    counts, _ = np.histogram(np.minimum(claim, edges[-1] - 1), bins=edges)
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
    running = np.concatenate([[0.0], np.cumsum(np.sort(owed))]) / (owed.sum() or 1.0)
    shares = np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, len(running)), running)
    area = float(((running[1:] + running[:-1]) / 2).mean())
    return {"shares": [round(each, 6) for each in shares.tolist()], "gini": round(1 - 2 * area, 4)}


def histogram(kept: dict[str, Any], currency: str) -> HistogramChart:
    """How claims spread over loans."""
    edges, counts = kept["edges"], kept["counts"]
    top = counts.index(max(counts))
    share = counts[top] / (sum(counts) or 1) * 100
    low, high = (format_minor(edge, currency) for edge in edges[top : top + 2])
    title = f"{share:.0f} % of the loans are claims of {low} to {high} {currency}"
    return HistogramChart(
        title=title,
        alt=f"Histogram of claims per loan. {title}. The last band also holds all larger claims.",
        x_label="Claim per loan",
        y_label="Loans",
        x_unit=currency,
        edges=tuple(edges),
        counts=tuple(counts),
    )


def lorenz_curve(kept: dict[str, Any]) -> CurveChart:
    """How the claim is spread over borrowers."""
    steps = len(kept["shares"]) - 1
    top = 1 - kept["shares"][round(steps * 0.8)]
    title = f"The largest fifth of the borrowers owes {top * 100:.0f} % of the claim"
    even = tuple(place / steps for place in range(steps + 1))
    return CurveChart(
        title=title,
        alt=f"Lorenz curve of the claim over borrowers. {title}. Gini index {kept['gini']:.2f}.",
        x_label="Share of the borrowers, smallest first",
        y_label="Share of the claim",
        x_unit="%",
        unit="%",
        x=even,
        lines=(Line("Claim", tuple(kept["shares"])), Line("All alike", even)),
    )


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
