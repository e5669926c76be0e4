"""Columns of one chunk of a tape: texts in, typed values out, with what is missing or wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.common.money import minor_digits
from npa_market.tapes.parsing import Unreadable, parse_amount

Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Column:
    """Values of a field, all arrays (rows,).

    values: Int64 (money in minor units, integers, rates), datetime64[s] (dates) or object; empty
    where missing or bad. is_missing: the cell is empty. is_bad: the cell cannot be read.
    """

    values: "pd.Series[Any]"
    is_missing: Flags
    is_bad: Flags

    def __len__(self) -> int:
        return len(self.is_missing)

    @property
    def is_filled(self) -> Flags:
        """The cell holds a readable value."""
        return ~(self.is_missing | self.is_bad)


def no_flags(rows: int) -> Flags:
    """All false, (rows,)."""
    return np.zeros(rows, dtype=np.bool_)


def integers(values: Sequence[int | None]) -> "pd.Series[Any]":
    """Nullable 64-bit integers."""
    return pd.Series(pd.array(values, dtype="Int64"))


def days(values: Sequence[Any]) -> "pd.Series[Any]":
    """Days as datetime64[s], NaT where None."""
    return pd.Series(np.array(values, dtype="datetime64[D]").astype("datetime64[s]"))


def texts(values: Sequence[str | None]) -> "pd.Series[Any]":
    """Texts, "" where None."""
    return pd.Series(["" if value is None else value for value in values], dtype=object)


def objects(values: Sequence[Any]) -> "pd.Series[Any]":
    """Anything, kept as it is."""
    kept = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        kept[index] = value
    return pd.Series(kept)


def empty_column(rows: int, make: Callable[[Sequence[Any]], "pd.Series[Any]"] = texts) -> Column:
    """A field that the tape does not have."""
    return Column(make([None] * rows), ~no_flags(rows), no_flags(rows))


def parsed(
    cells: Texts,
    is_missing: Flags,
    parse: Callable[[str], Any],
    make: Callable[[Sequence[Any]], "pd.Series[Any]"],
) -> Column:
    """Parse each distinct text once: dates, codes and rates repeat by the thousand."""
    distinct = pa.array(cells, type=pa.string()).dictionary_encode()
    codes = distinct.indices.to_numpy(zero_copy_only=False)
    # One more value at the end stands for every empty cell.
    codes = np.where(is_missing, len(distinct.dictionary), codes)
    is_used = np.zeros(len(distinct.dictionary) + 1, dtype=np.bool_)
    is_used[codes] = True
    values: list[Any] = [None] * len(is_used)
    is_wrong = no_flags(len(is_used))
    texts_by_code = distinct.dictionary.to_pylist()
    for code in np.flatnonzero(is_used[:-1]).tolist():
        try:
            values[code] = parse(texts_by_code[code])
        except Unreadable:
            is_wrong[code] = True
    return Column(pd.Series(make(values).array.take(codes)), is_missing, is_wrong[codes])


def parsed_amounts(
    cells: Texts, is_missing: Flags, currency: str, parse: Callable[[str, str], int] = parse_amount
) -> Column:
    """Money: plain digits columnwise in exact decimals, every other spelling cell by cell.

    Amounts hardly repeat, so the columnwise path is what makes a million rows bearable; the tests
    hold it equal to `parse_amount`.
    """
    places = minor_digits(currency)
    array = pa.array(cells, type=pa.string())
    pattern = rf"^-?\d{{1,14}}(\.\d{{1,{places}}})?$" if places else r"^-?\d{1,14}$"
    is_plain = pc.match_substring_regex(array, pattern).to_numpy(zero_copy_only=False)
    is_plain = is_plain.astype(np.bool_) & ~is_missing
    values = np.zeros(len(cells), dtype=np.int64)
    exact = array.filter(pa.array(is_plain)).cast(pa.decimal128(14 + places, places))
    scale = pa.scalar(10**places, type=pa.decimal128(places + 1, 0))
    values[is_plain] = pc.multiply(exact, scale).cast(pa.int64()).to_numpy()
    is_empty, is_bad = is_missing.copy(), no_flags(len(cells))
    for index in np.flatnonzero(~is_plain & ~is_missing):
        try:
            values[index] = parse(cells[index], currency)
        except Unreadable:
            is_bad[index] = True
    series = pd.Series(pd.arrays.IntegerArray(values, is_empty | is_bad))
    return Column(series, is_missing, is_bad)
