"""What a price earns: discount factors, internal rate of return, payback."""

import numpy as np

from pricing.canonical import FloatArray

LOWEST_MONTHLY, HIGHEST_MONTHLY = -0.5, 10.0
TOTAL_LOSS = -1.0
STEPS = 60


def discount_factors(annual_rate: float, months: int) -> FloatArray:
    """Value today of 1 paid at the end of months 1..T, (T,); annual_rate effective, > -1."""
    return np.asarray((1 + annual_rate) ** (-np.arange(1, months + 1) / 12), dtype=np.float64)


def annual_irr(cash: FloatArray, price: float) -> FloatArray:
    """Effective annual rate at which each path's cash is worth `price` (> 0), (paths,).

    cash: (paths, T), net, month ends. A path that does not return its price even at -50 % a month
    has rate -1 (total loss). Bisection on the monthly rate, 60 steps; where cash changes sign more
    than once the root found is one of several.
    """
    low = np.full(len(cash), LOWEST_MONTHLY)
    high = np.full(len(cash), HIGHEST_MONTHLY)
    lost = _value(cash, low) <= price
    for _ in range(STEPS):
        middle = (low + high) / 2
        is_below = _value(cash, middle) > price
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return np.where(lost, TOTAL_LOSS, (1 + (low + high) / 2) ** 12 - 1)


def _value(cash: FloatArray, monthly: FloatArray) -> FloatArray:
    """Present value of each path at its own monthly rate, Horner's scheme."""
    v = 1 / (1 + monthly)
    value = np.zeros(len(cash))
    for month in range(cash.shape[1] - 1, -1, -1):
        value = v * (value + cash[:, month])
    return value


def payback_month(cash: FloatArray, price: float) -> int | None:
    """First month whose cumulative cash (T,) reaches the price; None within the horizon."""
    reached = np.flatnonzero(np.cumsum(cash) >= price)
    return int(reached[0]) + 1 if len(reached) else None
