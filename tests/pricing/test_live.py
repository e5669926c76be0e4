"""Engine A alone: the figures of a screen equal those of the full run, the fan nearly so."""

from dataclasses import replace

import numpy as np
import pytest

from pricing import Terms, reference_calibration, value
from pricing.blocks import mean_flow
from pricing.channels import ChannelCost
from pricing.errors import NotFinite
from pricing.factors import factor_block, normals
from pricing.live import _expected, _factors, fan_of, live_figures, live_price
from pricing.moments import expected_flow
from pricing.plan import plan_of
from pricing.synthetic import synthetic_loans

TERMS = Terms(paths=1024, horizon_months=36, seed=11)
COSTLY = ChannelCost(
    name="agency", fee_share=0.3, work_cost=0.2, case_cost=3.0, delay_months=2, uplift=0.1
)


def plan(loans=3000, terms=TERMS):
    pool = synthetic_loans(loans, np.random.default_rng(5))
    return plan_of(pool, reference_calibration("cn-consumer-reference"), terms)


@pytest.mark.parametrize(
    "terms",
    [
        TERMS,
        Terms(paths=1024, horizon_months=36, seed=11, costs=(COSTLY,)),
        Terms(paths=256, horizon_months=1, seed=0, buyer_irr=-0.5),
    ],
)
def test_price_quantiles_and_error_are_those_of_the_full_run(terms):
    made = plan(terms=terms)
    live = live_figures(made)
    pool = made.portfolio
    full = value(pool.loans, pool.calibration, terms)
    for name in ("price", "sd", "std_error", "seller_reserve", "face", "loans"):
        assert getattr(live, name) == pytest.approx(getattr(full, name), rel=1e-12), name
    assert live.quantiles == pytest.approx(full.quantiles, rel=1e-9)
    for name in ("monthly_cash", "gross_mean", "cumulative_mean"):
        assert getattr(live, name) == pytest.approx(getattr(full, name), rel=1e-9, abs=1e-9)
    assert (live.multiple, live.payback_months) == (
        pytest.approx(full.multiple),
        full.payback_months,
    )
    assert live_price(made) == pytest.approx(live.price, rel=1e-14)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize(
    "beyond",
    [
        {"buyer_irr": -0.999999999, "horizon_months": 240},
        {"costs": (ChannelCost("agency", 0.2, work_cost=1e308),)},
    ],
)
def test_amounts_beyond_a_float_are_refused_by_both_engines(beyond):
    made = plan(50, replace(Terms(paths=256, horizon_months=12), **beyond))
    with pytest.raises(NotFinite):
        live_figures(made)
    with pytest.raises(NotFinite):
        value(made.portfolio.loans, made.portfolio.calibration, made.terms)


def test_the_expected_flow_is_that_of_the_full_run_path_by_path():
    made = plan()
    factors = factor_block(made.factors, normals(made.factors, TERMS.seed, 0))
    flow, net = _expected(made, factors)
    known = expected_flow(made.chain, factors)
    assert flow.cash == pytest.approx(known.cash, rel=1e-12)
    assert flow.live == pytest.approx(known.live, rel=1e-12)
    whole = (made.portfolio.power[:, 1] * made.net_share) @ known.cash
    assert net.mean(axis=0) == pytest.approx(whole, rel=1e-12)


def test_the_fan_lies_where_simulated_counts_put_it():
    made = plan(loans=10_000)
    live, full = live_figures(made), value(made.portfolio.loans, made.portfolio.calibration, TERMS)
    for month in (11, 23, 35):
        gap = live.cumulative_quantiles[:, month] / full.cumulative_quantiles[:, month] - 1
        assert np.abs(gap).max() < 0.04  # of 1,024 paths: three errors of a 5 % quantile
    assert live.loss_probability == pytest.approx(full.loss_probability, abs=0.03)


def test_the_spread_of_the_fan_leaves_its_mean():
    made = plan(loans=2000)
    _, net = zip(*(_expected(made, _factors(made, block)) for block in range(4)), strict=True)
    net = np.concatenate(net)
    assert fan_of(made, net)[:, -1].mean() == pytest.approx(net.sum(axis=1).mean(), rel=0.02)
    assert fan_of(made, net)[:, -1].std() > net.sum(axis=1).std()  # the borrowers' own luck


def test_the_histogram_holds_998_of_1000_and_is_where_the_quantiles_are():
    live = live_figures(plan())
    edges, counts = np.array(live.npv_histogram.edges), np.array(live.npv_histogram.counts)
    assert counts.sum() == pytest.approx(998_000, abs=50)
    below = np.interp(live.quantiles[0.5], edges, np.concatenate([[0], np.cumsum(counts)]))
    assert below / 1e6 + 0.001 == pytest.approx(0.5, abs=0.01)


def test_few_payers_are_told():
    assert live_figures(plan(loans=8)).quantiles_from == "few payers"
    assert live_figures(plan(loans=3000)).quantiles_from == "cumulants"


def test_kept_variates_change_nothing():
    made = plan()
    first = live_figures(made)
    assert live_figures(made).price == first.price
    flows = [expected_flow(made.chain, _factors(made, block)) for block in range(4)]
    fresh = [
        expected_flow(made.chain, factor_block(made.factors, normals(made.factors, 11, block)))
        for block in range(4)
    ]
    assert np.array_equal(mean_flow(flows).cash, mean_flow(fresh).cash)
