"""How the balance spreads over borrowers: largest, loans per borrower, Lorenz curve, histogram."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from npa_market.diligence.report.groups import Row

LARGEST = 20
LORENZ_POINTS = 101
BINS = 24
TOKEN_SHOWN = 12


@dataclass(frozen=True)
class Largest:
    """T21: the largest borrowers by total, the 20 together, and all others."""

    rows: tuple[Row, ...]
    together: Row
    others: Row


def by_borrower(frame: pd.DataFrame) -> pd.DataFrame:
    """Loans, principal and total per borrower token, largest total first (ties by token)."""
    table = pd.DataFrame(
        {
            "token": frame["borrower_token"],
            "principal": frame["principal_minor"],
            "total": frame["principal_minor"] + frame["interest_minor"],
        }
    )
    sums = table.groupby("token").agg(
        loans=("total", "size"), principal=("principal", "sum"), total=("total", "sum")
    )
    return sums.reset_index().sort_values(["total", "token"], ascending=[False, True])


def largest_borrowers(frame: pd.DataFrame) -> Largest:
    """T21; borrowers are named by the first characters of their per-package token."""
    table = by_borrower(frame)
    whole = int(table["total"].sum()) or 1
    top, rest = table.head(LARGEST), table.iloc[LARGEST:]
    rows = tuple(
        _row(str(token)[:TOKEN_SHOWN], table.iloc[place : place + 1], whole)
        for place, token in enumerate(top["token"])
    )
    count = min(LARGEST, len(table))
    return Largest(
        rows,
        _row(f"The {count} largest" if count > 1 else "The largest", top, whole),
        _row("All others", rest, whole),
    )


def _row(label: str, part: pd.DataFrame, whole: int) -> Row:
    total = int(part["total"].sum())
    return Row(
        label,
        int(part["loans"].sum()),
        len(part),
        int(part["principal"].sum()),
        total,
        total / whole,
    )


@dataclass(frozen=True)
class Lorenz:
    """C4: share of borrowers (smallest first) against their share of the total; Gini index."""

    borrowers: tuple[float, ...]
    shares: tuple[float, ...]
    gini: float


def lorenz(frame: pd.DataFrame) -> Lorenz:
    """Lorenz curve over borrowers at 101 points, 0..1."""
    totals = np.sort(by_borrower(frame)["total"].to_numpy(dtype=np.float64))
    whole = totals.sum()
    running = np.concatenate([[0.0], np.cumsum(totals) / (whole or 1.0)])
    places = np.linspace(0, 1, len(running))
    wanted = np.linspace(0, 1, LORENZ_POINTS)
    curve = np.interp(wanted, places, running)
    area = float(np.sum((running[1:] + running[:-1]) / 2) / len(totals))
    return Lorenz(tuple(wanted.tolist()), tuple(curve.tolist()), max(0.0, 1 - 2 * area))


def share_of_top(frame: pd.DataFrame, part: float) -> float:
    """Share of the total owed by the largest `part` (0..1) of borrowers, one at least."""
    totals = by_borrower(frame)["total"].to_numpy(dtype=np.float64)
    count = max(1, round(len(totals) * part))
    return float(totals[:count].sum() / (totals.sum() or 1.0))


def balance_bins(frame: pd.DataFrame) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """C2: edges in minor units, loans per bin, and loans above the last edge but one's 98 %.

    Bins are equally wide up to the 98th percentile; larger loans are counted in the last bin.
    """
    totals = (frame["principal_minor"] + frame["interest_minor"]).to_numpy(dtype=np.int64)
    high = max(int(np.ceil(np.percentile(totals, 98))), 1)
    width = _round_up(max(1, -(-high // BINS)))
    count = -(-high // width)
    edges = np.arange(count + 1) * width
    capped = np.minimum(totals, edges[-1])
    counts, _ = np.histogram(capped, bins=edges)
    return (
        tuple(int(edge) for edge in edges),
        tuple(int(each) for each in counts),
        int((totals > edges[-1]).sum()),
    )


def _round_up(width: int) -> int:
    """The next width of the form 1, 2 or 5 times a power of ten."""
    power = int("1" + "0" * (len(str(width)) - 1))
    steps: tuple[int, ...] = (power, 2 * power, 5 * power, 10 * power)
    return next(step for step in steps if step >= width)
