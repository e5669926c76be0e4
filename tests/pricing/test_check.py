from dataclasses import replace

import numpy as np
import pytest

from pricing import ChannelCost, Terms, value
from pricing.check import compare, enough_blocks, lines, without_risk
from pricing.factors import FactorBlock, factor_block, normals
from pricing.plan import plan_of
from pricing.reference import brute_force, loan_months
from pricing.returns import discount_factors
from tests.pricing.builders import calibration, curve, frame, pool, reference


def certain(plan):
    shape = (256, plan.portfolio.segments)
    return FactorBlock(np.ones(shape), np.ones((256, plan.terms.horizon_months)), np.ones(256))


def test_brute_force_hits_the_closed_form():
    """keep = settle = 0: p_t = l/(1+l) (1 - (-l)^t)."""
    loans, model = pool(frame(400)), calibration(curve(log_odds=(-1.0,) * 4))
    plan = plan_of(loans, model, Terms(horizon_months=12, paths=256))
    cash = brute_force(plan, certain(plan), np.random.default_rng(1))
    hazard = np.exp(-1.0) / (1 + np.exp(-1.0))
    month = np.arange(1, 13)
    expected = loans.face * 0.004 * hazard / (1 + hazard) * (1 - (-hazard) ** month)
    noise = cash.std(axis=0) / 16
    assert (np.abs(cash.mean(axis=0) - expected) < 4.5 * noise).all()
    assert loan_months(plan, 256) == 400 * 12 * 256


def test_brute_force_never_collects_more_than_the_claim():
    greedy = curve(instalment_mean=0.9, keep=0.9, lump_mean=1.0, log_odds=(3.0,) * 4)
    plan = plan_of(pool(), calibration(greedy), Terms(paths=256))
    cash = brute_force(plan, certain(plan), np.random.default_rng(1))
    assert cash.sum(axis=1).max() <= 30_000 + 1e-6
    assert cash.sum(axis=1).mean() > 29_000


@pytest.mark.parametrize("is_risky", [False, True])
def test_engines_agree_with_the_brute_force(is_risky):
    model = reference() if is_risky else without_risk(reference())
    comparison = compare(model, 200, 8, seed=3)
    assert comparison.is_within
    assert comparison.is_risky is is_risky
    text = "\n".join(lines(comparison))
    assert "200 loans" in text
    assert ": ok" in text


def test_a_wrong_engine_is_noticed():
    comparison = compare(without_risk(reference()), 200, 1, seed=3)
    for wrong in ({"ks_a": 0.3}, {"ks_b": 0.3}, {"sd_error": 0.3}, {"quantile_errors": (0.3,) * 5}):
        broken = replace(comparison, **wrong)
        assert not broken.is_within
        assert broken.verdict == "BEYOND LIMITS"
        assert "BEYOND LIMITS" in next(lines(broken))


def test_a_limit_missed_within_the_noise_is_said_so():
    comparison = replace(
        compare(without_risk(reference()), 200, 1, seed=3),
        quantile_errors=(0.0,) * 5, quantile_noise=(0.001,) * 5, sd_error=0.0,
        ks_a=0.0, ks_b=0.0,
    )  # fmt: skip
    assert comparison.verdict == "ok"
    near, far = (
        replace(comparison, quantile_errors=(0.01 + error,) * 5) for error in (0.0019, 0.0021)
    )
    assert near.is_within
    assert "noise" in near.verdict
    assert not far.is_within


def test_a_wrong_cap_is_found(monkeypatch):
    """The law the check guards: an engine that lets borrowers pay beyond their claim fails it."""
    monkeypatch.setattr("pricing.plan.capped", lambda chain, *_, **__: chain)
    assert not compare(without_risk(reference()), 600, 8, seed=3).is_within


@pytest.mark.parametrize(("loans", "paths"), [(200, 2**18), (2_000, 2**17), (10_000, 2**16)])
def test_small_pools_get_more_paths(loans, paths):
    assert enough_blocks(loans) * 256 == paths


def test_brute_force_and_engine_agree_on_costs_and_running_payers():
    product = curve(keep=0.6, settle=0.05, lump_shape=60.0)
    costs = (ChannelCost("free", 0.3, work_cost=1.0, case_cost=40.0),)
    model = calibration(product, channels=costs, payer_share={"more": 0.5, "never": 0.5})
    loans, terms = pool(frame(200)), Terms(paths=256)
    plan = plan_of(loans, model, terms)
    factors = factor_block(plan.factors, normals(plan.factors, 1, 0))
    cash = brute_force(plan, factors, np.random.default_rng(1)) @ discount_factors(0.2, 60)
    assert value(loans, model, terms).price == pytest.approx(cash.mean(), abs=4 * cash.std() / 16)


@pytest.mark.parametrize("payers", [0.0, 0.4])
def test_brute_force_and_engine_agree_where_much_has_been_paid_before(payers):
    """Payments are a share of the claim at charge-off and stop at what is left of it."""
    product = curve(
        log_odds=(-5.0,) * 4, keep=0.7, settle=0.03, instalment_mean=0.08, lump_mean=0.5
    )
    model = calibration(product, payer_share={"more": payers, "never": payers})
    left = np.tile([10_000.0, 4_000.0, 1_500.0, 10_000.0], 100)
    terms, paid = Terms(paths=256), 10_000.0 - left
    loans = pool(frame(400, balance=left, paid_before=paid))
    plan = plan_of(loans, model, terms)
    cash = brute_force(plan, certain(plan), np.random.default_rng(1)) @ discount_factors(0.2, 60)
    noise = cash.std() / 16
    found = value(loans, model, terms)
    assert found.price == pytest.approx(cash.mean(), abs=4 * noise + 0.005 * cash.mean())
    assert found.sd == pytest.approx(cash.std(), rel=0.2)
    untold = value(pool(frame(400, balance=10_000.0)), model, terms)
    assert found.price < 0.9 * untold.price
    assert found.face == left.sum()
    assert sum(row.balance for row in found.segments) == pytest.approx(left.sum())


def test_loans_of_a_segment_that_differ_scatter_as_they_do():
    """Large loans that rarely pay and small ones that often do: mean odds would make the sd of a
    pool that is cut into few segments twice as large as it is."""
    model = replace(calibration(curve(log_odds=(-4.0,) * 4)), balance_slope=-0.6)
    balance = np.random.default_rng(2).lognormal(9, 1.3, 300)
    loans, terms = pool(frame(300, balance=balance)), Terms(paths=256, horizon_months=24)
    plan = plan_of(loans, model, terms)
    assert plan.portfolio.segments < 30
    cash = brute_force(plan, certain(plan), np.random.default_rng(1)) @ discount_factors(0.2, 24)
    found = value(loans, model, terms)
    assert found.sd == pytest.approx(cash.std(), rel=0.12)
    assert found.price == pytest.approx(cash.mean(), abs=4 * cash.std() / 16)
