import numpy as np
import pytest

from pricing import Terms
from pricing.factors import FactorBlock, factor_block, normals
from pricing.moments import (
    Chain,
    Claim,
    expected_flow,
    open_months,
    pool_cumulants,
    raw_ticket_moments,
    unit_moments,
)
from pricing.plan import plan_of
from tests.pricing.builders import pool, random_frame, reference

MONTHS, RATE = 24, 0.2
V = (1 + RATE) ** (-1 / 12)


def chain(keep=0.0, settle=0.0, payers=0.0, odds=0.05, ticket=0.03):
    return Chain(
        odds=np.full((1, MONTHS), odds),
        keep=np.array([keep]),
        settle=np.array([settle]),
        payers=np.array([payers]),
        instalment=np.tile((ticket, 2.0), (1, MONTHS, 1)),
        lump=np.tile((0.4, 5.0), (1, MONTHS, 1)),
        claim=Claim.loose(1),
        higher=np.ones((2, 1)),
    )


def certain(paths=1):
    return FactorBlock(np.ones((paths, 1)), np.ones((paths, MONTHS)), np.ones(paths))


def risky(paths=64, seed=1):
    rng = np.random.default_rng(seed)
    draw = (rng.lognormal(0, 0.3, shape) for shape in ((paths, 1), (paths, MONTHS), (paths,)))
    return FactorBlock(*draw)


def test_constant_hazard_without_runs_has_a_closed_form():
    """A payer falls back and skips a month: p_t = l (1 - p_{t-1}) = l/(1+l) (1 - (-l)^t)."""
    hazard = 0.05 / 1.05
    month = np.arange(1, MONTHS + 1)
    pays = hazard / (1 + hazard) * (1 - (-hazard) ** month)
    flow = expected_flow(chain(), certain())
    np.testing.assert_allclose(flow.cash[0], 0.03 * pays, rtol=1e-13)
    moments = unit_moments(chain(), certain(), np.ones(1), RATE)
    assert moments[0, 0, 0] == pytest.approx(0.03 * pays @ V**month, rel=1e-13)


def test_zero_variance_equals_a_forward_recursion_by_hand():
    keep, settle, payers, hazard = 0.7, 0.05, 0.1, 0.05 / 1.05
    dormant, paying, value, opened = 1 - payers, payers, 0.0, 0.0
    for month in range(1, MONTHS + 1):
        started, stayed, closed = dormant * hazard, paying * keep, paying * settle
        dormant, paying = dormant - started + paying - stayed - closed, started + stayed
        value += V**month * (0.03 * paying + 0.4 * closed)
        opened += V**month * (dormant + paying)
    moments = unit_moments(chain(keep, settle, payers), certain(), np.ones(1), RATE)
    months = open_months(chain(keep, settle, payers), certain(), RATE)
    flow = expected_flow(chain(keep, settle, payers), certain())
    discount = V ** np.arange(1, MONTHS + 1)
    assert moments[0, 0, 0] == pytest.approx(value, rel=1e-12)
    assert flow.cash[0] @ discount == pytest.approx(value, rel=1e-12)
    assert months[0, 0] == pytest.approx(opened, rel=1e-12)
    assert flow.live[0] @ discount == pytest.approx(opened, rel=1e-12)


def test_forward_and_backward_recursions_agree_on_every_random_factor():
    one = chain(0.7, 0.05, 0.1, ticket=0.05)
    factors = risky()
    moments = unit_moments(one, factors, np.array([0.75]), RATE)
    months = open_months(one, factors, RATE)
    flow = expected_flow(one, factors)
    discount = V ** np.arange(1, MONTHS + 1)
    assert moments[0].mean() == pytest.approx(0.75 * flow.cash[0] @ discount, rel=1e-12)
    assert months.mean() == pytest.approx(flow.live[0] @ discount, rel=1e-12)


def test_second_and_third_moments_match_simulated_loans():
    one, loans = chain(0.7, 0.05, 0.2), 400_000
    rng = np.random.default_rng(3)
    paying, is_open = rng.random(loans) < 0.2, np.ones(loans, bool)
    value = np.zeros(loans)
    for month in range(1, MONTHS + 1):
        draw = rng.random(loans)
        closed = paying & (draw < 0.05)
        stayed = paying & ~closed & (draw < 0.75)
        started = is_open & ~paying & (draw < 0.05 / 1.05)
        paying, is_open = stayed | started, is_open & ~closed
        value[paying] += V**month * rng.gamma(2.0, 0.03 / 2, paying.sum())
        value[closed] += V**month * rng.gamma(5.0, 0.4 / 5, closed.sum())
    moments = unit_moments(one, certain(), np.ones(1), RATE)[:, 0, 0]
    for order, moment in enumerate(moments, start=1):
        noise = (value**order).std() / np.sqrt(loans)
        assert moment == pytest.approx((value**order).mean(), abs=4 * noise)


def test_gamma_ticket_moments():
    mean, second, third = raw_ticket_moments(np.array([[0.5, 1.0]]))[:, 0]
    assert (mean, second, third) == pytest.approx((0.5, 2 * 0.25, 6 * 0.125))  # exponential


def test_cumulants_of_equal_loans_add_up():
    moments = unit_moments(chain(0.7, 0.05), risky(), np.ones(1), RATE)
    one = pool_cumulants(moments, np.array([[1.0, 2.0, 4.0, 8.0]]))
    ten = pool_cumulants(moments, np.array([[10.0, 20.0, 40.0, 80.0]]))
    np.testing.assert_allclose(ten, 10 * one, rtol=1e-13)
    assert (one[:, 1] > 0).all()


def test_no_bit_depends_on_how_many_paths_are_taken_at_a_time(monkeypatch):
    plan = plan_of(pool(random_frame(300)), reference(), Terms(paths=256))
    factors = factor_block(plan.factors, normals(plan.factors, 1, 0))
    whole = unit_moments(plan.chain, factors, plan.net_share, 0.2)
    for size in (1, 1_000, 10**9):
        monkeypatch.setattr("pricing.moments.IN_CACHE", size)
        again = unit_moments(plan.chain, factors, plan.net_share, 0.2)
        np.testing.assert_array_equal(again, whole)
