"""What was attached to the loans of a package when it was sealed: histories in counts and sums."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from npa_market.packages.bidder_tables import SMALLEST_CELL
from npa_market.packages.choosing import tapes_of
from npa_market.packages.criteria import read_criteria
from npa_market.packages.history_classes import tables_of
from npa_market.packages.history_rows import Members, history_rows
from npa_market.packages.history_tables import ALL, FEW, MOST, SOME, Reached
from npa_market.packages.models import Package
from npa_market.tapes.history_models import HistoryFile, HistoryState


def attached_histories(package: Package, loans: pa.Table) -> dict[str, Any]:
    """Per kind of history that any of the loans has: how far it reaches, and its tables.

    loans: those to be sealed, of `loading.loans_table`. Everybody who is admitted reads the result:
    it holds no loan and no borrower, and no count or sum of fewer than five borrowers.
    """
    tapes = tapes_of(read_criteria(package.criteria), package)
    files = HistoryFile.objects.filter(tape__in=tapes, state=HistoryState.IMPORTED)
    kinds = sorted(set(files.order_by().values_list("kind", flat=True)))
    if not kinds:
        return {}
    members = Members.of(loans)
    found = {}
    for kind in kinds:
        rows = history_rows(kind, tapes, members)
        if len(rows):
            reached = reached_by(rows, members)
            found[kind] = _coverage(rows, reached) | {
                "tables": tables_of(kind, rows, reached, package.cut_off_date)
            }
    return found


def reached_by(rows: pd.DataFrame, members: Members) -> Reached:
    """Which loans the history reaches, and whether that may be told."""
    has = np.zeros(len(members.keys), dtype=np.bool_)
    has[rows["loan"].to_numpy()] = True
    inside, outside = (members.people(np.flatnonzero(side)) for side in (has, ~has))
    if outside and inside < SMALLEST_CELL:
        return Reached(members, has, FEW)
    if 0 < outside < SMALLEST_CELL:
        return Reached(members, has, MOST)
    return Reached(members, has, SOME if outside else ALL)


def _coverage(rows: pd.DataFrame, reached: Reached) -> dict[str, Any]:
    if reached.reach in {FEW, MOST}:
        return {"reach": reached.reach}
    return {
        "reach": reached.reach,
        "rows": int(rows["rows"].sum()) if "rows" in rows else len(rows),
        "loans": int(reached.has.sum()),
        "borrowers": reached.members.people(np.flatnonzero(reached.has)),
    }
