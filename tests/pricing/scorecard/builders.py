"""Samples with a known scorecard behind them; no real loan."""

import numpy as np
import pandas as pd
from scipy import special


def sample(rows=4_000, seed=1):
    """Payers by a known logit in months since payment, balance and reachability; noise is noise."""
    rng = np.random.default_rng(seed)
    months = rng.integers(0, 60, rows).astype(float)
    never = rng.random(rows) < 0.3
    balance = rng.lognormal(9, 1, rows)
    reachable = rng.random(rows) < 0.7
    stage = rng.choice(["not_sued", "judged", "in_suit"], rows, p=[0.7, 0.2, 0.1])
    log_odds = -1.0 - 0.04 * np.where(never, 50, months) + 0.8 * reachable
    log_odds += np.where(stage == "judged", 0.5, 0.0) - 0.2 * (np.log(balance) - 9)
    return pd.DataFrame(
        {
            "loan_id": [f"L{number}" for number in range(rows)],
            "months_since_payment": np.where(never, np.nan, months),
            "balance": balance,
            "reachable": reachable,
            "litigation_status": stage,
            "noise": rng.normal(size=rows),
            "quarter": np.sort(rng.integers(1, 13, rows)),
            "paid": (rng.random(rows) < special.expit(log_odds)).astype(int),
        }
    )
