"""Liquidation triangles and curves: cash over balance by cohort and age."""

import numpy as np
import pandas as pd

from pricing.canonical import FloatArray
from pricing.history.counts import History

ALL = "all"
BAND = 1.2815515655446004  # 10 % and 90 % of a normal
LEAST_COHORTS = 3


def triangle(history: History) -> pd.DataFrame:
    """One row per product, cohort and age watched; product "all" adds the products up.

    balance: owed by the loans watched in that month; cash: received; cumulative_rate: sum of
    cash / balance by month, so that loans watched for a shorter time thin out the later months
    instead of bending the curve.
    """
    parts = []
    for product, owed, cash in _tables(history):
        rate = _rates(owed, cash)
        cohort, age = np.nonzero(owed > 0)
        parts.append(
            pd.DataFrame(
                {
                    "product": product,
                    "cohort": np.array(history.cohorts)[cohort],
                    "age_month": age + 1,
                    "balance": owed[cohort, age],
                    "cash": cash[cohort, age],
                    "rate": rate[cohort, age],
                    "cumulative_rate": np.nancumsum(rate, axis=1)[cohort, age],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def curves(history: History) -> pd.DataFrame:
    """One row per product and age: the curve of all cohorts together, and how cohorts differ.

    rate: cash / balance of the month over all cohorts watched; cumulative_rate: its sum;
    development_factor: cumulative at this age / at the age before, cohorts watched at both, by
    balance; low, high: 10 % and 90 % of a log-normal with the spread of the cohorts' cumulative
    rates around the curve (luck of the borrowers included), empty below three cohorts.
    """
    parts = []
    for product, owed, cash in _tables(history):
        total = owed.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(total > 0, cash.sum(axis=0) / total, np.nan)
        curve = np.nancumsum(rate)
        by_cohort = np.nancumsum(_rates(owed, cash), axis=1)
        sd = _spread(by_cohort, owed, curve)
        parts.append(
            pd.DataFrame(
                {
                    "product": product,
                    "age_month": np.arange(1, history.ages + 1),
                    "cohorts": (owed > 0).sum(axis=0),
                    "balance": total,
                    "rate": rate,
                    "cumulative_rate": curve,
                    "development_factor": _development(by_cohort, owed),
                    "low": curve * np.exp(-BAND * sd),
                    "high": curve * np.exp(BAND * sd),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _tables(history: History) -> list[tuple[str, FloatArray, FloatArray]]:
    """Name, balance watched and cash, (cohorts, ages), of all products and of each."""
    tables = [(ALL, history.balance.sum(axis=0), history.cash.sum(axis=0))]
    if len(history.products) > 1:
        tables += list(zip(history.products, history.balance, history.cash, strict=True))
    return tables


def _rates(owed: FloatArray, cash: FloatArray) -> FloatArray:
    return np.divide(cash, owed, out=np.full_like(cash, np.nan), where=owed > 0)


def _development(by_cohort: FloatArray, owed: FloatArray) -> FloatArray:
    """Chain-ladder factors by balance (Mack 1993); NaN for the first month and without cash."""
    both = (owed[:, 1:] > 0) & (owed[:, :-1] > 0)
    weight = np.where(both, owed[:, 1:], 0.0)
    now, before = (weight * by_cohort[:, 1:]).sum(axis=0), (weight * by_cohort[:, :-1]).sum(axis=0)
    factor = np.full(by_cohort.shape[1], np.nan)
    np.divide(now, before, out=factor[1:], where=before > 0)
    return factor


def _spread(by_cohort: FloatArray, owed: FloatArray, curve: FloatArray) -> FloatArray:
    """Standard deviation of ln(cohort / curve) by age over cohorts with cash; NaN below three."""
    sd = np.full(len(curve), np.nan)
    for age, level in enumerate(curve):
        has = (owed[:, age] > 0) & (by_cohort[:, age] > 0)
        if level > 0 and has.sum() >= LEAST_COHORTS:
            far = np.log(by_cohort[has, age] / level)
            sd[age] = np.sqrt((far**2).sum() / (has.sum() - 1))
    return sd
