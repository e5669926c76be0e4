"""A correct model's forecasts are honest: the outcome's place in them is uniform."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pricing import cap
from pricing.backtest.forecasts import at_cut_off, engine_sample, model_plan
from pricing.backtest.market import target_of
from pricing.backtest.run import Setting
from pricing.backtest.scores import place_in
from pricing.history.synthetic import FIRST_YEAR, Deals, synthetic_history

POOLS, HORIZON = 200, 12
LEAST_CHANCE = 1e-3


def place_of_outcome(truth, own_months, seed, *, knows_calendar):
    """One deal of its own market, forecast with the market's own law, and where its cash fell."""
    deals = Deals(deals=1, loans=800, months=own_months + HORIZON)
    market = synthetic_history(truth, deals, seed=seed)
    target = target_of(market, 0, own_months, HORIZON)
    own = market.own_history(0, own_months) if own_months else None
    law = market.law_at(own_months) if knows_calendar else truth
    law = at_cut_off(law, own, FIRST_YEAR * 12 + own_months)
    plan = model_plan(target, law, HORIZON, seed)
    sample = engine_sample(plan, np.random.default_rng(seed))
    return place_in(sample, float(target.paid(target.future).sum()))


@pytest.mark.parametrize(
    ("own_months", "risk", "knows_calendar"),
    [
        (0, {}, False),
        (6, {"pool_sd": 0.3, "group_sd": 0.3, "macro_sd": 0.0}, False),
        (6, {"macro_sd": 0.25}, False),
        (6, {"macro_sd": 0.25}, True),
    ],
)
def test_places_of_independent_pools_are_uniform_under_the_truth(
    monkeypatch, own_months, risk, knows_calendar
):
    """Every pool has its own market, so places are independent; nothing is fitted. The calendar of
    the past is either told by the pool's own payments alone or known; it persists."""
    monkeypatch.setattr(cap, "UNIT_PAYERS", 4_000)
    monkeypatch.setattr(cap, "FEW_PAYERS", 2_000)
    truth = replace(Setting(), **risk).truth
    places = np.array(
        [
            place_of_outcome(truth, own_months, seed, knows_calendar=knows_calendar)
            for seed in range(POOLS)
        ]
    )
    assert stats.kstest(places, "uniform").pvalue > LEAST_CHANCE
    for level in (0.5, 0.8, 0.95):
        inside = int((np.abs(places - 0.5) <= level / 2).sum())
        assert stats.binomtest(inside, POOLS, level).pvalue > LEAST_CHANCE, (level, inside)
