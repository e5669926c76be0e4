"""Columns of the sealed file as plain arrays: numbers with gaps, weighted means, bands."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]


def known(frame: pd.DataFrame, column: str) -> FloatArray:
    """A column of numbers as float64, NaN where the tape states none."""
    values = frame[column].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(values, dtype=np.float64)


def weighted_mean(values: FloatArray, weights: FloatArray) -> float | None:
    """Mean over the rows that state a value; None where no row with weight does."""
    has = ~np.isnan(values) & (weights > 0)
    if not has.any():
        return None
    return float(np.average(values[has], weights=weights[has]))


def text_of(value: float | None, form: str = "{:,.1f}") -> str:
    """A mean in words; `not stated` where there is none."""
    return "not stated" if value is None else form.format(value)


def banded(values: FloatArray, edges: Sequence[float], names: Sequence[str], gap: str) -> Labels:
    """Label per value: names[i] where edges[i-1] <= value < edges[i]; `gap` for NaN.

    One name more than edges.
    """
    labels: Labels = np.asarray(names, dtype=object)[np.digitize(np.nan_to_num(values), edges)]
    labels[np.isnan(values)] = gap
    return labels
