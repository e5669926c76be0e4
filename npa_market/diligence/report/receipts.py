"""Cash after charge-off from the sealed file: by month, and cumulative by vintage."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from npa_market.diligence.report.inputs import PackageFacts, ReportDoesNotAddUp

MONTHS_SHOWN = 24
MOST_VINTAGES = 5  # as many as the palette tells apart


@dataclass(frozen=True)
class MonthLine:
    """Receipts of one month (or of all earlier, or of no known month), minor units.

    short: the month as an axis shows it, `07/24`.
    """

    label: str
    loans: int
    gross_minor: int
    cost_minor: int
    short: str = ""

    @property
    def net_minor(self) -> int:
        """What the owner of the debt kept."""
        return self.gross_minor - self.cost_minor


@dataclass(frozen=True)
class Receipts:
    """T34. `months` are the last 24 up to the cut-off date; `rest` is what has no place there."""

    months: tuple[MonthLine, ...]
    rest: tuple[MonthLine, ...]
    total: MonthLine

    @property
    def is_dated(self) -> bool:
        """Does any receipt name its month?"""
        return any(line.gross_minor or line.loans for line in (*self.months, *self.rest[:1]))


@dataclass(frozen=True)
class Vintage:
    """C7: cumulative gross receipts of one charge-off year as a share of its claim, by age."""

    year: int
    loans: int
    shares: tuple[float, ...]


def receipt_rows(frame: pd.DataFrame, receipts: pd.DataFrame) -> pd.DataFrame:
    """One row per receipt: position of its loan in the frame, month (NaT = undated), amounts.

    receipts: loan_token, month, gross_minor, cost_minor (`packages.sealed.receipts_of`).
    """
    place = pd.Index(frame["loan_token"]).get_indexer(receipts["loan_token"])
    return pd.DataFrame(
        {
            "loan": place,
            "month": pd.to_datetime(receipts["month"]).to_numpy(),
            "gross": receipts["gross_minor"].to_numpy(dtype=np.int64),
            "cost": receipts["cost_minor"].to_numpy(dtype=np.int64),
        }
    )


def receipts_by_month(
    frame: pd.DataFrame, receipts: pd.DataFrame, package: PackageFacts
) -> Receipts:
    """T34; raises ReportDoesNotAddUp where the parts differ from what the loans received."""
    rows = receipt_rows(frame, receipts)
    last = pd.Timestamp(package.cut_off_date).to_period("M")
    wanted = [last - back for back in range(MONTHS_SHOWN - 1, -1, -1)]
    period = rows["month"].dt.to_period("M")
    months = tuple(
        _line(month.strftime("%b %Y"), rows[period == month], month.strftime("%m/%y"))
        for month in wanted
    )
    earlier = _line(f"Before {wanted[0].strftime('%b %Y')}", rows[period < wanted[0]])
    undated = _undated(frame, rows)
    later = rows[period > last]
    if len(later):
        raise ReportDoesNotAddUp("T34 Receipts", "months after the cut-off date", len(later), 0)
    total = MonthLine(
        "Total since charge-off",
        int((frame["received_minor"] > 0).sum()),
        int(frame["received_minor"].sum()),
        int(frame["collection_cost_minor"].sum()),
    )
    parts = sum(line.gross_minor for line in (*months, earlier, undated))
    if parts != total.gross_minor or undated.gross_minor < 0:
        raise ReportDoesNotAddUp("T34 Receipts", "gross receipts", parts, total.gross_minor)
    return Receipts(months, (earlier, undated), total)


def _line(label: str, rows: pd.DataFrame, short: str = "") -> MonthLine:
    paying = rows.loc[rows["gross"] > 0, "loan"]
    return MonthLine(
        label, int(paying.nunique()), int(rows["gross"].sum()), int(rows["cost"].sum()), short
    )


def _undated(frame: pd.DataFrame, rows: pd.DataFrame) -> MonthLine:
    """What the loans received less what is dated: undated entries and totals without entries."""
    dated = rows[rows["month"].notna()]
    per_loan = dated.groupby("loan")["gross"].sum().reindex(range(len(frame)), fill_value=0)
    left = frame["received_minor"].to_numpy(dtype=np.int64) - per_loan.to_numpy(dtype=np.int64)
    cost = int(frame["collection_cost_minor"].sum()) - int(dated["cost"].sum())
    return MonthLine("Month not stated", int((left > 0).sum()), int(left.sum()), cost)


def vintages(
    frame: pd.DataFrame, receipts: pd.DataFrame, cut_off_date: date
) -> tuple[Vintage, ...]:
    """The latest charge-off years with dated receipts, each up to the age all its loans reached.

    The share is of the claim at charge-off: the claim at the cut-off date plus what was received.
    """
    rows = receipt_rows(frame, receipts).dropna(subset=["month"])
    charged_off = pd.to_datetime(frame["charge_off_date"])
    if rows.empty or charged_off.isna().all():
        return ()
    start = charged_off.dt.year * 12 + charged_off.dt.month
    place = rows["loan"].to_numpy()
    at = rows["month"].dt.year * 12 + rows["month"].dt.month
    age = np.maximum(at.to_numpy() - start.to_numpy()[place], 0)
    claim = (frame["claim_minor"] + frame["received_minor"]).to_numpy(dtype=np.float64)
    year = charged_off.dt.year.to_numpy()
    reach = cut_off_date.year * 12 + cut_off_date.month - start.to_numpy()
    found = []
    for vintage in sorted({int(each) for each in year[~np.isnan(year)]})[-MOST_VINTAGES:]:
        mine = year == vintage
        months = int(np.nanmin(reach[mine]))
        whole = float(claim[mine].sum())
        if months < 1 or whole <= 0:
            continue
        belongs = mine[place] & (age <= months)
        paid = np.bincount(
            age[belongs].astype(int), rows["gross"].to_numpy()[belongs], minlength=months + 1
        )
        shares = tuple((np.cumsum(paid) / whole).tolist())
        found.append(Vintage(vintage, int(mine.sum()), shares))
    return tuple(found)
