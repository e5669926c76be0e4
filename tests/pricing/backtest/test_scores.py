import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pricing.backtest.scores import coverage, crps, pinball, pit_histogram, place_in

samples = st.lists(st.floats(-100, 100), min_size=1, max_size=40)


@given(samples, st.floats(-100, 100))
def test_crps_is_its_definition(sample, outcome):
    x = np.array(sample)
    by_pairs = np.abs(x - outcome).mean() - np.abs(x[:, None] - x).mean() / 2
    assert crps(x, outcome) == pytest.approx(by_pairs, abs=1e-9)


def test_crps_of_a_normal_has_a_closed_form():
    """Gneiting & Raftery 2007, eq. 5."""
    sample = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    for z in (-1.5, 0.0, 2.0):
        exact = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
        assert crps(sample, z) == pytest.approx(exact, abs=1e-4)


def test_pinball_is_least_at_the_true_quantiles():
    rng = np.random.default_rng(1)
    honest, narrow = rng.normal(size=4_000), rng.normal(size=4_000) / 4
    outcomes = rng.normal(size=500)
    losses = [np.mean([pinball(one, y) for y in outcomes]) for one in (honest, narrow)]
    assert losses[0] < losses[1]
    assert pinball(np.array([5.0]), 7.0, (0.25,)) == pytest.approx(0.5)
    assert pinball(np.array([5.0]), 3.0, (0.25,)) == pytest.approx(1.5)


def test_the_place_of_ties_is_their_middle():
    assert place_in(np.array([1.0, 2.0, 2.0, 3.0]), 2.0) == 0.5
    assert place_in(np.array([1.0, 2.0]), 9.0) == 1.0


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_honest_forecasts_are_covered_as_often_as_they_say(level):
    places = (np.arange(1_000) + 0.5) / 1_000
    found = coverage(places, range(1_000), level)
    assert found.share == pytest.approx(level)
    assert found.high - found.share == pytest.approx(1.96 * np.sqrt(level * (1 - level) / 1_000),
                                                     rel=0.01)  # fmt: skip


def test_deals_that_move_together_widen_the_band():
    places = np.repeat(np.random.default_rng(2).random(100), 10)
    apart = coverage(places, range(1_000), 0.8)
    together = coverage(places, np.repeat(np.arange(100), 10), 0.8)
    assert together.share == apart.share
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_the_histogram_counts_every_place_once():
    assert pit_histogram(np.array([0.0, 0.05, 0.95, 1.0])) == (2, 0, 0, 0, 0, 0, 0, 0, 0, 2)
