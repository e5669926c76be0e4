"""How good forecasts are: CRPS, pinball loss, coverage, PIT, error of the mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.canonical import FloatArray

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
INTERVALS = (0.5, 0.8, 0.95)
PIT_BINS = 10
Z = 1.959963984540054


def crps(sample: FloatArray, outcome: float) -> float:
    """E|X - y| - E|X - X'| / 2 of a sample's distribution, in the units of the outcome.

    Gneiting & Raftery 2007, eq. 21; sorted form, O(n log n).
    """
    ordered = np.sort(sample)
    n = len(ordered)
    weight = 2 * np.arange(n) - n + 1
    return float(np.abs(ordered - outcome).mean() - (weight @ ordered) / n**2)


def pinball(sample: FloatArray, outcome: float, levels: Sequence[float] = LEVELS) -> float:
    """Mean quantile loss over the levels, in the units of the outcome."""
    at = np.asarray(levels)
    miss = outcome - np.quantile(sample, at)
    return float(np.maximum(at * miss, (at - 1) * miss).mean())


def place_in(sample: FloatArray, outcome: float) -> float:
    """Probability integral transform: share of the sample below, half of the ties."""
    below, equal = (sample < outcome).mean(), (sample == outcome).mean()
    return float(below + equal / 2)


@dataclass(frozen=True)
class Coverage:
    """Share of outcomes inside the central interval of the level, and its 95 % band: standard
    error between clusters (deals of one market share calendar and calibration), binomial where
    that is larger."""

    level: float
    share: float
    low: float
    high: float
    forecasts: int


def coverage(places: FloatArray, cluster: Sequence[int], level: float) -> Coverage:
    """From PIT values and the cluster of each."""
    inside = (np.abs(places - 0.5) <= level / 2).astype(np.float64)
    share, count = float(inside.mean()), len(inside)
    _, code = np.unique(np.asarray(cluster), return_inverse=True)
    drift = np.bincount(code, inside - share)
    clusters = len(drift)
    between = np.sqrt((drift @ drift) * clusters / max(clusters - 1, 1)) / count
    error = max(float(between), float(np.sqrt(level * (1 - level) / count)))
    return Coverage(level, share, share - Z * error, share + Z * error, count)


def pit_histogram(places: FloatArray) -> tuple[int, ...]:
    """Counts over ten equal bins; flat where the forecasts are honest."""
    bins = np.minimum((places * PIT_BINS).astype(np.int64), PIT_BINS - 1)
    return tuple(np.bincount(bins, minlength=PIT_BINS).tolist())
