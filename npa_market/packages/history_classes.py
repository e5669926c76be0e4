"""How histories fall into classes: what the due diligence report shows of each kind."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from npa_market.packages.classes import Classes
from npa_market.packages.history_rows import Codes
from npa_market.packages.history_tables import Reached, class_table, event_table
from npa_market.tapes.history_layouts import DOCUMENTS
from npa_market.tapes.history_models import HistoryKind
from npa_market.tapes.masking import masked_cell
from npa_market.tapes.models import LitigationStatus

Tables = list[dict[str, Any]]
MONTHS_SHOWN = 24
NOT_STATED = "Not stated"
AFTER = "After the cut-off date"
_LAST_EDGES = (0, 3, 6, 12, 24)
_LAST_BANDS = (
    AFTER, "Under 3 months before", "3 to 5 months", "6 to 11 months", "12 to 23 months",
    "24 months and more",
)  # fmt: skip
_RESULTS = ("Right party reached", "Answered, right party not reached", "No answer on record")
_OUTCOMES = ("Open", "Substantiated", "Rejected", "Closed, outcome not stated")
_AVAILABLE = {"original": "Original", "copy": "Copy", "missing": "Missing"}


def tables_of(kind: str, rows: pd.DataFrame, reached: Reached, cut_off_date: date) -> Tables:
    """The tables of one kind; rows: of `history_rows`, at least one."""
    return _TABLES[HistoryKind(kind)](rows, reached, cut_off_date)


def _contacts(rows: pd.DataFrame, reached: Reached, cut_off_date: date) -> Tables:
    without = "Not in the contact log"
    loans = rows.groupby("loan").agg(
        answered=("answered", "sum"), right_party=("right_party", "sum"), last=("last", "max")
    )
    result = np.select([loans["right_party"] > 0, loans["answered"] > 0], [0, 1], 2)
    last = np.digitize(_months_before(loans["last"], cut_off_date), _LAST_EDGES)
    return [
        *event_table(
            reached,
            rows,
            _channels(rows["channel"]),
            key="channels",
            figures={name: (name, "sum") for name in ("rows", "answered", "right_party")},
            is_ordered=False,
        ),
        *class_table(reached, _classes(result, _RESULTS), key="contact_result", without=without),
        *class_table(reached, _classes(last, _LAST_BANDS), key="last_contact", without=without),
    ]


def _channels(values: "pd.Series[Any]") -> Classes:
    found = _names(values)
    words = (label.replace("_", " ").capitalize() for label in found.labels)
    return Classes(found.codes, tuple(words))


def _payments(rows: pd.DataFrame, reached: Reached, cut_off_date: date) -> Tables:
    last = pd.Timestamp(cut_off_date).to_period("M")
    shown = [last - back for back in range(MONTHS_SHOWN - 1, -1, -1)]
    names = [month.strftime("%b %Y") for month in shown]
    labels = [f"Before {names[0]}", *names, AFTER]
    months = MONTHS_SHOWN - _months_before(rows["on"], cut_off_date)  # One more: after it.
    return event_table(
        reached,
        rows,
        _classes(np.maximum(months, 0), tuple(labels)),
        key="payments_by_month",
        figures={
            "rows": ("on", "size"),
            "gross_minor": ("gross_minor", "sum"),
            "cost_minor": ("cost_minor", "sum"),
        },
    )


def _placements(rows: pd.DataFrame, reached: Reached, cut_off_date: date) -> Tables:
    return event_table(
        reached,
        rows,
        _names(rows["agency"]),
        key="agencies",
        figures={
            "rows": ("on", "size"),
            "first": ("on", "min"),
            "last": ("on", "max"),
            "lowest_commission_bp": ("commission_bp", "min"),
            "highest_commission_bp": ("commission_bp", "max"),
            "received_stated": ("received_minor", "count"),
            "received_minor": ("received_minor", "sum"),
        },
        is_ordered=False,
    )


def _legal(rows: pd.DataFrame, reached: Reached, cut_off_date: date) -> Tables:
    last = rows.drop_duplicates("loan", keep="last").sort_values("loan")
    values = list(LitigationStatus.values)
    stages = _classes(
        pd.Index(values).get_indexer(pd.Index(last["stage"])),
        tuple(map(str, LitigationStatus.labels)),
    )
    without = "No legal step"
    levels = _names(last["court_level"])
    return [
        *class_table(reached, stages, key="legal_stage", without=without),
        *class_table(reached, levels, key="court_level", without=without, is_ordered=False),
    ]


def _complaints(rows: pd.DataFrame, reached: Reached, cut_off_date: date) -> Tables:
    """A loan counts by its gravest complaint, each as it was last stated."""
    stated = rows.drop_duplicates(["loan", "on", "subject"], keep="last")
    is_open = stated["closed_on"].isna()
    gravity = np.select(
        [is_open, stated["outcome"] == "substantiated", stated["outcome"] == "rejected"],
        [0, 1, 2],
        3,
    )
    gravest = pd.Series(gravity).groupby(stated["loan"].to_numpy()).min().sort_index()
    return class_table(
        reached, _classes(gravest, _OUTCOMES), key="complaints", without="No complaint"
    )


def _documents(rows: pd.DataFrame, reached: Reached, cut_off_date: date) -> Tables:
    """A table per document, each as it was last checked."""
    loans, tables = np.flatnonzero(reached.has), []
    for document in DOCUMENTS:
        of_document = rows[rows["document"] == document].drop_duplicates("loan", keep="last")
        if of_document.empty:
            continue
        state = of_document.set_index("loan")["availability"].reindex(loans)
        places = pd.Index(list(_AVAILABLE)).get_indexer(pd.Index(state))
        classes = _classes(
            np.where(places < 0, len(_AVAILABLE), places), (*_AVAILABLE.values(), "Not on the list")
        )
        tables += class_table(reached, classes, key=document, without="No checklist")
    return tables


def _months_before(days: "pd.Series[Any]", cut_off_date: date) -> Codes:
    """Whole calendar months from the day's month to that of the cut-off; later days -1."""
    months = (cut_off_date.year - days.dt.year) * 12 + (cut_off_date.month - days.dt.month)
    is_after = (days > pd.Timestamp(cut_off_date)).to_numpy()
    return np.where(is_after, -1, months.to_numpy()).astype(np.int64)


def _classes(codes: Any, labels: tuple[str, ...]) -> Classes:
    return Classes(np.asarray(codes, dtype=np.int64), labels)


def _names(values: "pd.Series[Any]") -> Classes:
    """Names as the seller wrote them, a stray identity masked."""
    texts = values.astype("category").cat
    names = [masked_cell(str(name).strip()) or NOT_STATED for name in texts.categories]
    labels = sorted(set(names))
    place = {label: number for number, label in enumerate(labels)}
    codes = np.array([place[name] for name in names], dtype=np.int64)
    return _classes(codes[texts.codes.to_numpy()], tuple(labels))


_TABLES: dict[HistoryKind, Callable[[pd.DataFrame, Reached, date], Tables]] = {
    HistoryKind.PAYMENTS: _payments,
    HistoryKind.CONTACTS: _contacts,
    HistoryKind.LEGAL: _legal,
    HistoryKind.PLACEMENTS: _placements,
    HistoryKind.COMPLAINTS: _complaints,
    HistoryKind.DOCUMENTS: _documents,
}
