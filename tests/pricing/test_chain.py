import numpy as np
import pytest
from scipy import stats

from pricing import Terms
from pricing.blocks import simulate
from pricing.chain import Cells, Costs, cash_paths
from pricing.factors import FactorBlock
from pricing.mixture import mixture_cdf, mixture_quantile
from pricing.moments import Chain, Claim, expected_flow
from pricing.plan import plan_of
from pricing.returns import discount_factors
from tests.pricing.builders import pool, random_frame, reference

PATHS, MONTHS = 20_000, 12


def chain():
    return Chain(
        odds=np.full((2, MONTHS), 0.05) * np.array([[1.0], [0.5]]),
        keep=np.array([0.7, 0.5]),
        settle=np.array([0.05, 0.1]),
        payers=np.array([0.2, 0.0]),
        instalment=np.repeat([[[0.03, 2.0]], [[0.05, 1.0]]], MONTHS, axis=1),
        lump=np.repeat([[[0.4, 5.0]], [[0.5, 3.0]]], MONTHS, axis=1),
        claim=Claim.loose(2),
        higher=np.ones((2, 2)),
    )


CELLS = Cells(
    segment=np.array([0, 0, 1]), balance=np.array([100.0, 500.0, 50.0]),
    count=np.array([30, 5, 80]), accounts=np.array([1.0, 0.9]),
)  # fmt: skip
COSTS = Costs(
    fee_share=np.array([0.3, 0.1]), work=np.array([0.02, 0.01]), case=np.array([4.0, 0.0])
)


def factors():
    return FactorBlock(np.ones((PATHS, 2)), np.ones((PATHS, MONTHS)), np.ones(PATHS))


def test_mean_cash_of_the_counts_is_the_expected_flow():
    net, gross = cash_paths(chain(), CELLS, COSTS, factors(), rng=np.random.default_rng(1))
    flow = expected_flow(chain(), factors())
    balance, loans = np.array([30 * 100 + 5 * 500, 80 * 50.0]), np.array([35, 80])
    expected_gross = balance @ flow.cash
    expected_net = (balance * (1 - COSTS.fee_share)) @ flow.cash
    expected_net -= (loans * CELLS.accounts * COSTS.work) @ flow.live
    expected_net[0] -= 4.0
    for simulated, expected in ((gross, expected_gross), (net, expected_net)):
        noise = simulated.std(axis=0) / np.sqrt(PATHS)
        assert (np.abs(simulated.mean(axis=0) - expected) < 4.5 * noise).all()


def test_the_same_generator_state_gives_the_same_paths():
    first, _ = cash_paths(chain(), CELLS, COSTS, factors(), rng=np.random.default_rng(1))
    again, _ = cash_paths(chain(), CELLS, COSTS, factors(), rng=np.random.default_rng(1))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("loans", [300, 3_000])
def test_both_engines_describe_one_distribution(loans):
    terms = Terms(paths=4096)
    plan = plan_of(pool(random_frame(loans)), reference(), terms)
    parts = simulate(plan, range(terms.blocks))
    values = np.concatenate([part.net for part in parts]) @ discount_factors(0.2, 60)
    cumulants = np.concatenate([part.cumulants for part in parts])
    sd = np.sqrt(cumulants[:, 1].mean() + cumulants[:, 0].var())
    assert values.mean() == pytest.approx(cumulants[:, 0].mean(), abs=4 * sd / np.sqrt(4096))
    assert values.std() == pytest.approx(sd, rel=0.04)
    levels = np.linspace(0.02, 0.98, 25)
    expected = [mixture_cdf(x, cumulants) for x in np.quantile(values, levels)]
    assert np.abs(expected - levels).max() < stats.kstwobign.ppf(0.999) / np.sqrt(4096)
    assert mixture_quantile(0.5, cumulants) == pytest.approx(np.median(values), rel=0.02)
