"""Pools and calibrations the pricing tests share; no real loan is behind them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pricing import Calibration, ChannelCost, Loans, read_loans, reference_calibration
from pricing.calibration import FactorRisk, ProductCurve

CN = "cn-consumer-reference"
US = "us-consumer-reference"
NO_RISK = FactorRisk(pool=0.0, group=0.0, macro=0.0, phi=0.0, amount=0.0)
KNOTS = (0.0, 12.0, 60.0, 120.0)


def frame(loans=3, **columns):
    """A plain frame; any column can be replaced by a value or a list."""
    base = {
        "loan_id": [f"L{number}" for number in range(loans)],
        "balance": 10_000.0,
        "product": "default",
        "age_months": 12,
        "months_since_payment": np.nan,
        "prior_placements": 1,
        "litigation_status": "not_sued",
        "reachable": True,
        "region": "north",
    }
    return pd.DataFrame(base | columns, index=range(loans))


def random_frame(loans, seed=1, first_age=12, last_age=48, mean_balance=20_000.0):
    """A seasoned pool: log-normal balances, a third has paid before, a quarter is unreachable."""
    rng = np.random.default_rng(seed)
    has_paid = rng.random(loans) < 0.3
    balance = rng.lognormal(np.log(mean_balance) - 0.5, 1.0, loans)
    return frame(
        loans,
        balance=np.round(balance, 2) + 1,
        product=rng.choice(["credit_card", "consumer_loan"], loans),
        age_months=rng.integers(first_age, last_age + 1, loans),
        months_since_payment=np.where(has_paid, rng.integers(0, 40, loans), np.nan),
        prior_placements=rng.integers(0, 4, loans),
        litigation_status=rng.choice(
            ["not_sued", "judged", "in_suit", "ended_for_now"], loans, p=[0.7, 0.1, 0.1, 0.1]
        ),
        reachable=rng.random(loans) < 0.75,
    )


def pool(table=None, currency="CNY", basis="principal", **columns) -> Loans:
    """Loans from a frame, or from the plain frame with replaced columns."""
    return read_loans(frame(**columns) if table is None else table, currency=currency, basis=basis)


def curve(**changes) -> ProductCurve:
    """A flat curve of small tickets: the claim never binds."""
    plain = ProductCurve(
        name="default",
        log_odds=(-3.0,) * len(KNOTS),
        settle=0.0,
        keep=0.0,
        instalment_mean=0.004,
        instalment_shape=2.0,
        lump_mean=0.1,
        lump_shape=4.0,
    )
    return replace(plain, **changes)


def calibration(product=None, **changes) -> Calibration:
    """One product, no effects, no risk, a channel that costs nothing."""
    plain = Calibration(
        name="test",
        market="CN",
        currency="CNY",
        basis="principal",
        is_fitted=True,
        knots=KNOTS,
        products=(product or curve(),),
        effects={},
        payer_share={},
        balance_slope=0.0,
        balance_reference=10_000.0,
        factors=NO_RISK,
        channels=(ChannelCost("free", fee_share=0.0),),
        default_channel="free",
    )
    return replace(plain, **changes)


def reference(name=CN) -> Calibration:
    """A shipped calibration."""
    return reference_calibration(name)
