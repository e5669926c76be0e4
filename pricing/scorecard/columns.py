"""Cells of a frame into bin numbers: the same rule when a card is fitted and when it scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricing.canonical import FloatArray, IntArray
from pricing.errors import BadColumn, MissingColumn


def column_of(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    """One column of a frame; refused where it is missing or there twice."""
    if name not in frame.columns:
        raise MissingColumn(name, [str(column) for column in frame.columns])
    if list(frame.columns).count(name) > 1:
        raise BadColumn(name, 0, None, "the header names this column twice")
    return frame[name]


def is_number_column(column: "pd.Series[Any]") -> bool:
    """Whether the cells are numbers (truth values are levels)."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def numbers_of(column: "pd.Series[Any]", name: str) -> FloatArray:
    """Finite numbers, NaN = missing. Raises BadColumn with the row, counted from 1."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    empty = column.isna().to_numpy()
    if column.dtype == object:
        empty |= (column.astype(str).str.strip() == "").to_numpy()
    bad = (np.isnan(numbers) & ~empty) | np.isinf(numbers)
    if bad.any():
        row = int(np.argmax(bad))
        raise BadColumn(name, row + 1, "(withheld)", "a finite number or empty")
    return numbers


def levels_of(column: "pd.Series[Any]") -> list[str]:
    """Cells as stripped text, empty = missing; a truth value is spelled true or false."""
    text = column.astype(object).where(column.notna(), "").map(_spelled)
    return [str(cell) for cell in text]


def _spelled(cell: object) -> str:
    return str(cell).lower() if isinstance(cell, bool | np.bool_) else str(cell).strip()


def number_places(
    numbers: FloatArray, edges: Sequence[float], specials: Sequence[float]
) -> IntArray:
    """Bin of each number: ordinary bins, then specials, then missing."""
    ordinary = len(edges) + 1
    place = np.searchsorted(np.asarray(edges, dtype=np.float64), numbers, side="left")
    for number, special in enumerate(specials):
        place[numbers == special] = ordinary + number
    place[np.isnan(numbers)] = ordinary + len(specials)
    return place.astype(np.int64)


def level_places(cells: Sequence[str], levels: Sequence[str]) -> IntArray:
    """Bin of each level: named levels, then missing, then other."""
    known = {level: number for number, level in enumerate(levels)} | {"": len(levels)}
    return np.array([known.get(cell, len(levels) + 1) for cell in cells], dtype=np.int64)
