"""Criteria as a mask over columns: the same loans as `criteria.compile_where` gives by SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.packages.columns import Amounts, Columns
from npa_market.packages.criteria import Condition, Criteria, Group
from npa_market.packages.fields import Kind
from npa_market.packages.months import months_before

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SelectionTotals:
    """Loans that criteria choose before the screen; amounts in minor units."""

    loans: int
    borrowers: int
    principal_minor: int
    interest_minor: int
    fees_minor: int
    claim_minor: int


def mask_of(columns: Columns, criteria: Criteria, cut_off_date: date) -> Mask:
    """Which loans the criteria choose, (loans,); tapes that they do not name are left out."""
    mask = np.ones(columns.loans, dtype=bool)
    if criteria.tapes:
        mask = columns.tapes(key.bytes for key in criteria.tapes)
    if criteria.where:
        mask &= _mask(columns, criteria.where, cut_off_date)
    return mask


def totals_of_mask(columns: Columns, mask: Mask) -> SelectionTotals:
    """Counts and sums of the chosen loans, exact integers."""
    seen = np.zeros(columns.borrower_count, dtype=bool)
    seen[columns.borrowers[mask]] = True
    sums = {name: _sum(values[mask]) for name, values in columns.money.items()}
    return SelectionTotals(
        loans=int(np.count_nonzero(mask)), borrowers=int(np.count_nonzero(seen)), **sums
    )


def _sum(values: Amounts) -> int:
    """In two halves: the whole may be beyond 64 bits where a tape's amounts are not amounts."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def _mask(columns: Columns, node: Group | Condition, cut_off_date: date) -> Mask:
    if isinstance(node, Condition):
        return _condition(columns, node, cut_off_date)
    parts = [_mask(columns, part, cut_off_date) for part in node.parts]
    if node.kind == "not":
        return ~parts[0]
    join = np.logical_and if node.kind == "all" else np.logical_or
    whole = parts[0]
    for part in parts[1:]:
        whole = join(whole, part)
    return whole


def _condition(columns: Columns, condition: Condition, cut_off_date: date) -> Mask:
    field, op, value = condition.field, condition.op, condition.value
    if field.kind in {Kind.TEXT, Kind.CHOICE}:
        wanted = ("",) if op in {"missing", "given"} else value
        found = _among(columns, field.column, wanted)
        return ~found if op in {"not_in", "given"} else found
    column = columns.table.column(field.column)
    if op in {"missing", "given"}:
        return _plain(pc.is_null(column) if op == "missing" else pc.is_valid(column))
    if op == "is":
        return _plain(pc.equal(column, value))
    low = value[0] if op == "between" else value if op == "at_least" else None
    high = value[1] if op == "between" else value if op == "at_most" else None
    if field.kind is Kind.MONTHS:
        return _months(column, low, high, cut_off_date)
    mask = np.ones(columns.loans, dtype=bool)
    if low is not None:
        mask &= _plain(pc.greater_equal(column, _scalar(low, column.type)))
    if high is not None:
        mask &= _plain(pc.less_equal(column, _scalar(high, column.type)))
    return mask


def _scalar(value: Any, kind: pa.DataType) -> pa.Scalar:
    """Whole numbers are compared as 64 bits: a limit may be wider than the column."""
    return pa.scalar(value, pa.int64() if pa.types.is_integer(kind) else kind)


def _among(columns: Columns, name: str, wanted: Sequence[str]) -> Mask:
    codes, texts = columns.texts(name)
    is_wanted = np.array([text in set(wanted) for text in texts], dtype=bool)
    return is_wanted[codes] if len(texts) else np.zeros(columns.loans, dtype=bool)


def _months(column: pa.ChunkedArray, low: int | None, high: int | None, end: date) -> Mask:
    mask = np.ones(len(column), dtype=bool)
    if low is not None:
        mask &= _plain(pc.less_equal(column, pa.scalar(months_before(end, low), pa.date32())))
    if high is not None:
        latest = pa.scalar(months_before(end, high + 1), pa.date32())
        mask &= _plain(pc.greater(column, latest))
    return mask


def _plain(mask: pa.ChunkedArray) -> Mask:
    """Missing values meet nothing."""
    return np.asarray(pc.fill_null(mask, False).to_numpy(), dtype=bool)
