"""Made-up pools for the bench, the checks and the backtest: plausible, seeded, nobody's loans."""

import numpy as np

from pricing.canonical import FloatArray
from pricing.loans import LITIGATION, Loans


def synthetic_loans(
    count: int, rng: np.random.Generator, *, currency: str = "CNY", mean_balance: float = 20_000.0
) -> Loans:
    """A seasoned pool: log-normal balances, a third has paid before, a quarter is unreachable."""
    has_paid = rng.random(count) < 1 / 3
    months = np.where(has_paid, rng.integers(0, 40, count), np.nan)
    return Loans(
        loan_id=np.char.add("S", np.arange(count).astype(np.str_)),
        balance=balances(count, rng, mean_balance),
        product=rng.integers(0, 2, count),
        products=("consumer_loan", "credit_card"),
        age_months=rng.integers(6, 49, count),
        months_since_payment=months,
        prior_placements=rng.integers(0, 4, count),
        litigation=rng.choice(len(LITIGATION), count, p=[0.7, 0.1, 0.02, 0.08, 0.02, 0.06, 0.02]),
        reachable=rng.random(count) < 0.75,
        region=np.zeros(count, np.int64),
        regions=("",),
        channel=np.zeros(count, np.int64),
        channels=("",),
        status=np.zeros(count, np.int64),
        currency=currency,
        basis="principal",
    )


def balances(count: int, rng: np.random.Generator, mean: float) -> FloatArray:
    """Log-normal balances of the given mean, to the cent, at least 1."""
    drawn = rng.lognormal(np.log(mean) - 0.5, 1.0, count)
    return np.maximum(np.round(drawn, 2), 1.0)
