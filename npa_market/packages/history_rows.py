"""Rows of histories out of the database as columns, those of a package's loans alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from django.db.models import Count, Max, Q, QuerySet

from npa_market.common.columnar import read_columns
from npa_market.packages.frames import as_frame
from npa_market.packages.loading import KEY
from npa_market.tapes.history_models import ROWS_OF_KIND, HistoryKind
from npa_market.tapes.models import Tape

Codes = npt.NDArray[np.int64]
_KINDS = {"text": pa.string(), "number": pa.int64(), "day": pa.date32()}


@dataclass(frozen=True)
class Members:
    """Loans of a package: keys, borrowers as codes, amounts in minor units, (loans,) each."""

    keys: pa.Array
    borrowers: Codes
    principal: Codes
    total: Codes

    @classmethod
    def of(cls, loans: pa.Table) -> "Members":
        """loans: a table of `loading.loans_table`."""
        keys = loans.column("id").combine_chunks()
        codes = loans.column("borrower_id").combine_chunks().dictionary_encode().indices
        principal = loans.column("principal_minor").to_numpy()
        total = principal + loans.column("interest_minor").to_numpy()
        return cls(keys, codes.to_numpy().astype(np.int64), principal, total)

    def places(self, keys: pa.Array) -> Codes:
        """Position of each loan, -1 for one that is not in the package."""
        found = pc.index_in(keys, value_set=self.keys).fill_null(-1)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)

    def people(self, places: Codes) -> int:
        """Different borrowers of these loans."""
        return int(np.count_nonzero(np.bincount(self.borrowers[places])))


def history_rows(kind: str, tapes: Sequence[Tape], members: Members) -> pd.DataFrame:
    """Rows of the kind that were taken in completely, in their order; `loan` = position.

    Texts are categories: comparing a million texts takes longer than reading them.

    A contact log comes as one row per loan and channel, with the number of its entries as `rows`.
    """
    asked, fields = _asked(kind, tapes)
    schema = pa.schema([pa.field("loan_id", KEY, nullable=False), *fields])
    found = pa.Table.from_batches([read_columns(asked, schema)])
    places = members.places(found.column("loan_id").combine_chunks())
    kept = found.drop_columns(["loan_id"]).filter(pa.array(places >= 0))
    for place, field in enumerate(kept.schema):
        if pa.types.is_string(field.type):
            kept = kept.set_column(place, field.name, kept.column(place).dictionary_encode())
    frame = as_frame(kept)
    frame["loan"] = places[places >= 0]
    return frame


def _asked(kind: str, tapes: Sequence[Tape]) -> tuple[QuerySet[Any], list[pa.Field]]:
    rows = ROWS_OF_KIND[kind].objects.imported().filter(source__tape__in=tapes)
    if kind == HistoryKind.CONTACTS:
        counted = rows.order_by().values("loan_id", "channel")
        return counted.annotate(
            rows=Count("pk"),
            answered=Count("pk", filter=Q(is_answered=True)),
            right_party=Count("pk", filter=Q(is_right_party=True)),
            last=Max("on"),
        ), [
            _given("channel", "text"),
            *(_given(name, "number") for name in ("rows", "answered", "right_party")),
            _given("last", "day"),
        ]
    return rows.order_by("on", "pk"), _FIELDS[HistoryKind(kind)]


def _given(name: str, kind: str) -> pa.Field:
    return pa.field(name, _KINDS[kind], nullable=False)


_FIELDS = {
    HistoryKind.PAYMENTS: [
        _given("on", "day"), _given("gross_minor", "number"), _given("cost_minor", "number"),
    ],
    HistoryKind.LEGAL: [_given("stage", "text"), _given("court_level", "text")],
    HistoryKind.PLACEMENTS: [
        _given("on", "day"),
        _given("agency", "text"),
        pa.field("commission_bp", pa.int32()),
        pa.field("received_minor", pa.int64()),
    ],
    HistoryKind.COMPLAINTS: [
        _given("on", "day"),
        _given("subject", "text"),
        _given("outcome", "text"),
        pa.field("closed_on", pa.date32()),
    ],
    HistoryKind.DOCUMENTS: [_given("document", "text"), _given("availability", "text")],
}  # fmt: skip
