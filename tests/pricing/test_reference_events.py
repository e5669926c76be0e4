"""The two brute forces share the law and nothing else."""

import numpy as np
import pytest
from scipy import stats

from pricing import ChannelCost, Terms
from pricing.factors import FactorBlock, factor_block, normals
from pricing.plan import plan_of
from pricing.reference import brute_force
from pricing.reference_events import brute_force_by_event
from pricing.returns import discount_factors
from tests.pricing.builders import calibration, curve, frame, pool, random_frame, reference

PATHS = 1024


def certain(plan, paths=PATHS):
    shape = (paths, plan.portfolio.segments)
    months = plan.terms.horizon_months
    return FactorBlock(np.ones(shape), np.ones((paths, months)), np.ones(paths))


def test_constant_hazard_hits_the_closed_form():
    """keep = settle = 0: p_t = l/(1+l) (1 - (-l)^t)."""
    loans, model = pool(frame(400)), calibration(curve(log_odds=(-1.0,) * 4))
    plan = plan_of(loans, model, Terms(horizon_months=12, paths=256))
    cash = brute_force_by_event(plan, certain(plan), np.random.default_rng(1))
    hazard = np.exp(-1.0) / (1 + np.exp(-1.0))
    month = np.arange(1, 13)
    expected = loans.face * 0.004 * hazard / (1 + hazard) * (1 - (-hazard) ** month)
    noise = cash.std(axis=0) / np.sqrt(PATHS)
    assert (np.abs(cash.mean(axis=0) - expected) < 4.5 * noise).all()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_both_brute_forces_draw_the_same_months_values_and_costs(share):
    """Settlement, instalment runs, running payers, the cap, work and case costs, delay."""
    product = curve(
        log_odds=(-2.5, -3.0, -3.5, -4.0), keep=0.6, settle=0.05, lump_mean=0.6,
        instalment_mean=0.1,
    )  # fmt: skip
    costs = (ChannelCost("free", 0.3, work_cost=1.0, case_cost=40.0, delay_months=2),)
    bands = {"more": share, "never": share}
    model = calibration(product, channels=costs, payer_share=bands)
    plan = plan_of(pool(random_frame(60)), model, Terms(horizon_months=24, paths=256))
    rng = np.random.default_rng(5)
    slow, fast = (draw(plan, certain(plan), rng) for draw in (brute_force, brute_force_by_event))
    spread = np.hypot(slow.std(axis=0), fast.std(axis=0)) / np.sqrt(PATHS)
    gap = np.abs(slow.mean(axis=0) - fast.mean(axis=0))
    assert (gap <= 4 * spread + 1e-9).all()
    discount = discount_factors(0.2, 24)
    assert stats.ks_2samp(slow @ discount, fast @ discount).pvalue > 1e-3


def test_both_brute_forces_follow_the_factors_path_by_path():
    plan = plan_of(pool(random_frame(3_000)), reference(), Terms(paths=256))
    factors = factor_block(plan.factors, normals(plan.factors, 1, 0))
    discount = discount_factors(0.2, 60)
    slow, fast = (
        draw(plan, factors, np.random.default_rng(6)) @ discount
        for draw in (brute_force, brute_force_by_event)
    )
    assert np.corrcoef(slow, fast)[0, 1] > 0.9
    noise = (slow - fast).std() / 16
    assert abs((slow - fast).mean()) < 4 * noise


def test_nobody_pays_more_than_the_claim():
    greedy = curve(instalment_mean=0.9, keep=0.9, lump_mean=1.0, log_odds=(3.0,) * 4)
    plan = plan_of(pool(), calibration(greedy), Terms(paths=256))
    cash = brute_force_by_event(plan, certain(plan), np.random.default_rng(1))
    assert cash.sum(axis=1).max() <= 30_000 + 1e-6
    assert cash.sum(axis=1).mean() > 29_000
