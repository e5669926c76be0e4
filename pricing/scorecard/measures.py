"""How well scores rank and how true they are: Gini, KS, PSI, calibration, lift."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pricing.canonical import FloatArray, IntArray
from pricing.errors import PricingError
from pricing.scorecard.logistic import fit_logistic

DECILES = 10
LEAST_SHARE = 1e-4  # an empty bin of the stability index counts as this share


@dataclass(frozen=True)
class Decile:
    """One tenth of the loans, best scores first: loans, share that paid, lift over the average,
    and share of all payers caught so far."""

    decile: int
    loans: int
    rate: float
    lift: float
    caught: float


def auc(score: FloatArray, y: FloatArray) -> float:
    """P(score of a payer > score of another) + half the ties; Mann and Whitney (1947)."""
    ones = float(y.sum())
    zeros = len(y) - ones
    if ones == 0 or zeros == 0:
        raise PricingError("ranking needs loans that paid and loans that did not")
    ranks = stats.rankdata(score)
    return float((ranks @ y - ones * (ones + 1) / 2) / (ones * zeros))


def gini(score: FloatArray, y: FloatArray) -> float:
    """2 AUC - 1."""
    return 2 * auc(score, y) - 1


def ks_distance(score: FloatArray, y: FloatArray) -> float:
    """Largest gap between the score distributions of payers and of the others."""
    is_one = y > 0
    if is_one.all() or not is_one.any():
        raise PricingError("ranking needs loans that paid and loans that did not")
    return float(stats.ks_2samp(score[is_one], score[~is_one], method="asymp").statistic)


def stability_index(expected: FloatArray, found: FloatArray) -> float:
    """PSI of two count vectors over the same bins: sum (f - e) ln(f / e).

    Below 0.1 stable, above 0.25 another population (Siddiqi 2006).
    """
    if len(expected) != len(found) or expected.sum() <= 0 or found.sum() <= 0:
        raise PricingError("a stability index compares two non-empty counts over the same bins")
    e = np.maximum(expected / expected.sum(), LEAST_SHARE)
    f = np.maximum(found / found.sum(), LEAST_SHARE)
    return float(((f - e) * np.log(f / e)).sum())


def calibration_line(log_odds: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Intercept and slope of y on the predicted log-odds: 0 and 1 where they are true (Cox 1958).

    A slope below 1 says that the scores are too spread out.
    """
    fit = fit_logistic(log_odds[:, None], y)
    return fit.intercept, float(fit.slope[0])


def score_counts(score: FloatArray, edges: FloatArray) -> IntArray:
    """Loans per band of the score; bands are open at both ends."""
    return np.bincount(np.searchsorted(edges, score, side="right"), minlength=len(edges) + 1)


def decile_table(score: FloatArray, y: FloatArray) -> tuple[Decile, ...]:
    """Tenths by falling score; equal scores share their payers evenly, whatever the row order."""
    order = np.argsort(-score, kind="stable")
    _, tie = np.unique(-score, return_inverse=True)
    mean = np.bincount(tie, y) / np.bincount(tie)
    paid = mean[tie][order]
    total = float(paid.sum())
    if total == 0:
        raise PricingError("a lift needs loans that paid")
    rows, caught = [], 0.0
    for number, part in enumerate(np.array_split(paid, DECILES), start=1):
        caught += float(part.sum())
        rate = float(part.mean()) if len(part) else 0.0
        rows.append(Decile(number, len(part), rate, rate * len(y) / total, caught / total))
    return tuple(rows)
