"""Rows of histories as the database counts them, one line per loan."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from django.db.models import Count, QuerySet

from npa_market.packages.loading import KEY
from npa_market.tapes.history_models import ROWS_OF_KIND
from npa_market.tapes.models import Tape

Asked = tuple[QuerySet[Any], pa.Schema]
_LOAN = pa.field("loan_id", KEY, nullable=False)


def _number(name: str) -> pa.Field:
    return pa.field(name, pa.int64(), nullable=False)


def rows_per_loan(kind: str, tapes: Sequence[Tape]) -> Asked:
    """loan_id, rows: of histories of the tapes that were taken in completely."""
    rows = ROWS_OF_KIND[kind].objects.imported().filter(source__tape__in=tapes)
    return (
        rows.order_by().values("loan_id").annotate(rows=Count("pk")),
        pa.schema([_LOAN, _number("rows")]),
    )
