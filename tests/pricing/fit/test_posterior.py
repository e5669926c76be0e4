import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.fit.posterior import Counts, Normal, poisson_posterior


def one(mean, variance):
    return Normal(np.array([mean]), np.array([[variance]]))


def after(observed, expected, prior):
    counts = Counts(np.array([observed]), np.array([expected]), np.zeros((1, 1), np.int64))
    found = poisson_posterior(prior, counts)
    return float(found.mean[0]), float(found.covariance[0, 0])


def exact(observed, expected, prior):
    """Mean and variance by summing the posterior density over a fine grid."""
    x = np.linspace(-12, 12, 48_001)
    log = (
        observed * x - expected * np.exp(x) - (x - prior.mean[0]) ** 2 / 2 / prior.covariance[0, 0]
    )
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = float(weight @ x)
    return mean, float(weight @ (x - mean) ** 2)


def test_the_equations_by_hand():
    """Variance 0.25, 10 events where 8 were expected: mean 0.0936, variance 0.0762. The prior pulls
    by (-0.125 - m) / 0.25, the rate is 8 exp(m + v / 2)."""
    mean, variance = after(10, 8, one(-0.125, 0.25))
    rate = 8 * np.exp(mean + variance / 2)
    assert (-0.125 - mean) / 0.25 + 10 - rate == pytest.approx(0, abs=1e-6)
    assert variance == pytest.approx(1 / (4 + rate))
    assert (mean, variance) == pytest.approx((0.0936, 0.0762), abs=5e-5)


@given(st.integers(0, 400), st.floats(0.1, 400), st.floats(0.01, 1))
def test_mean_and_variance_are_those_of_the_exact_posterior(observed, expected, variance):
    prior = one(-variance / 2, variance)
    found, wanted = after(observed, expected, prior), exact(observed, expected, prior)
    assert found[0] == pytest.approx(wanted[0], abs=0.03 * np.sqrt(wanted[1]) + 1e-3)
    assert found[1] == pytest.approx(wanted[1], rel=0.12)


def test_counts_of_a_sum_say_little_of_its_parts_and_pull_them_apart():
    prior = Normal(np.zeros(2), np.diag([0.1, 0.1]))
    counts = Counts(np.array([500.0]), np.array([500.0]), np.array([[0, 1]]))
    found = poisson_posterior(prior, counts)
    both = np.ones(2)
    assert both @ found.covariance @ both < 0.003
    assert found.covariance[0, 0] == pytest.approx(0.05, rel=0.05)
    assert found.covariance[0, 1] < -0.045


def test_a_parameter_known_for_certain_stays_where_it_is():
    prior = Normal(np.array([0.0, 0.3]), np.diag([0.2, 0.0]))
    found = poisson_posterior(prior, Counts(np.array([50.0]), np.array([20.0]), np.array([[0, 1]])))
    assert found.mean[1] == pytest.approx(0.3)
    assert found.covariance[1, 1] == 0


def test_no_counts_change_nothing():
    prior = Normal(np.array([0.1, -0.2]), np.array([[0.2, 0.1], [0.1, 0.3]]))
    nothing = Counts(np.empty(0), np.empty(0), np.empty((0, 2), np.int64))
    found = poisson_posterior(prior, nothing)
    np.testing.assert_allclose(found.mean, prior.mean)
    np.testing.assert_allclose(found.covariance, prior.covariance, atol=1e-12)


def test_counts_far_from_what_was_expected_are_reached():
    mean, _ = after(100_000, 1, one(0.0, 4.0))
    assert mean == pytest.approx(np.log(100_000), abs=0.01)
