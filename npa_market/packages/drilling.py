"""From a cell of a table to its loans: rows of the sealed file, page by page."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from npa_market.common.errors import InvalidInput
from npa_market.common.files import read_stored
from npa_market.packages.classes import CLASSIFIERS
from npa_market.packages.models import Package

ROWS = 50
SHOWN = (
    "loan_token",
    "product",
    "province",
    "claim_minor",
    "principal_minor",
    "days_overdue",
    "charge_off_date",
    "litigation_status",
    "status",
    "received_minor",
)


@dataclass(frozen=True)
class LoansPage:
    """Some loans of a cell, in the order of the file; `after` is None on the last page."""

    rows: list[dict[str, Any]]
    loans: int
    claim_minor: int
    after: int | None


def loans_page(package: Package, cells: list[tuple[str, str]], after: int = -1) -> LoansPage:
    """Loans of a sealed package that fall into every cell, behind position `after` of the file.

    cells: (key of a stratification, label of its row). Only the columns that the classes need are
    read, and the shown ones of the row groups on the page. Raises InvalidInput for an unknown key,
    OSError where the stored file was changed.
    """
    import pyarrow.parquet as pq

    from npa_market.packages.frames import as_frame

    for key, _ in cells:
        if key not in CLASSIFIERS:
            raise InvalidInput("table_unknown", "There is no such table.", field="by")
    wanted = {column for key, _ in cells for column in CLASSIFIERS[key].columns} | {"claim_minor"}
    with io.BytesIO(read_stored(package.content_sha256)) as handle:
        file = pq.ParquetFile(handle)
        frame = as_frame(file.read(columns=sorted(wanted)))
        mask = np.ones(len(frame), dtype=bool)
        for key, label in cells:
            classes = CLASSIFIERS[key].classify(frame)
            codes = [code for code, name in enumerate(classes.labels) if name == label]
            mask &= np.isin(classes.codes, codes)
        found = np.flatnonzero(mask)
        ahead = found[np.searchsorted(found, after, side="right") :][: ROWS + 1]
        rows = _rows_at(file, ahead[:ROWS])
    return LoansPage(
        rows=rows,
        loans=len(found),
        claim_minor=int(frame["claim_minor"].to_numpy()[found].sum()),
        after=int(ahead[ROWS - 1]) if len(ahead) > ROWS else None,
    )


def _rows_at(file: Any, places: Any) -> list[dict[str, Any]]:
    """The shown columns of these rows, out of the row groups that hold them."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    start = 0
    for group in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        here = places[(places >= start) & (places < start + size)] - start
        if len(here):
            table = file.read_row_group(group, columns=list(SHOWN))
            rows += table.take(pa.array(here)).to_pylist()
        start += size
    return rows
