import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.fit.levels import (
    Ratios,
    between_variance,
    calendar_effect,
    credible_levels,
    fit_macro,
    log_sd,
    mean_variance,
    nested_variances,
    ratio_variance,
)


def test_variance_of_the_ratio_and_sd_of_the_log_are_inverse():
    assert log_sd(ratio_variance(0.25)) == pytest.approx(0.25)
    assert ratio_variance(0) == log_sd(0) == log_sd(-1) == 0


def drawn(between, within, cohorts=400, products=3, starts=300, seed=1):
    rng = np.random.default_rng(seed)
    expected = starts * rng.uniform(0.3, 2, (cohorts, products))
    pool = rng.gamma(1 / between, between, (cohorts, 1)) if between else 1.0
    own = rng.gamma(1 / within, within, (cohorts, products)) if within else 1.0
    observed = rng.poisson(expected * pool * own).astype(float)
    return Ratios.of(observed, expected, expected)


@pytest.mark.parametrize(
    ("between", "within"), [(0.06, 0.02), (0.06, 0.0), (0.0, 0.03), (0.0, 0.0)]
)
def test_variances_between_and_within_cohorts_are_told_apart(between, within):
    found = nested_variances(drawn(between, within))
    assert found[0] == pytest.approx(between, abs=0.012)
    assert found[1] == pytest.approx(within * (1 + between), abs=0.006)


def test_one_product_with_a_known_spread_leaves_the_rest_between_cohorts():
    ratios = drawn(0.08, 0.0, products=1)
    total = nested_variances(ratios, 0.0)[0]
    assert nested_variances(ratios, 0.03)[0] == pytest.approx(total - 0.03)
    assert nested_variances(ratios, 1.0)[0] == 0


def test_luck_alone_has_no_variance_between_cohorts():
    found = [
        between_variance(Ratios(one.ratio[:, 0], one.noise[:, 0]))
        for one in (drawn(0.0, 0.0, cohorts=20, products=1, seed=seed) for seed in range(30))
    ]
    assert np.mean(found) < 0.002
    assert np.mean([value == 0 for value in found]) > 0.3


def test_cohorts_without_anything_expected_count_for_nothing():
    ratios = Ratios.of(np.array([1.0, 3.0, 0.0]), np.array([2.0, 2.0, 0.0]), np.array([2.0, 2, 0]))
    shorter = Ratios(ratios.ratio[:2], ratios.noise[:2])
    assert between_variance(ratios) == between_variance(shorter)
    nothing = Ratios.of(np.zeros(3), np.zeros(3), np.zeros(3))
    assert between_variance(nothing) == 0


def test_credible_levels_by_hand():
    """Ratio 2, noise 0.3, variance 0.1: one quarter of the way from 1 to 2."""
    ratios = Ratios(np.array([[2.0]]), np.array([[0.3]]))
    assert credible_levels(ratios, 0.1, 0.0) == pytest.approx(np.array([[1.25]]))


def test_a_product_without_data_takes_its_cohorts_level():
    ratios = Ratios(np.array([[2.0, np.nan]]), np.array([[0.3, np.nan]]))
    level = credible_levels(ratios, 0.1, 0.0)
    assert level[0, 1] == pytest.approx(level[0, 0])


@given(st.floats(0.001, 1), st.floats(0.001, 1), st.integers(1, 50))
def test_the_variance_of_a_mean_has_a_closed_form(noise, between, cohorts):
    found = mean_variance([noise] * cohorts, between)
    assert found == pytest.approx((noise + between) / cohorts)


def test_a_mean_of_nothing_is_as_unsure_as_one_cohort():
    assert mean_variance([np.nan], 0.1) == 0.1


def test_a_calendar_seen_exactly_is_taken_as_seen_and_one_unseen_as_one():
    seen = np.array([1.1, 0.9, 1.2, 1.0])
    exact = calendar_effect(Ratios(seen, np.full(4, 1e-9)), 0.2, 0.9)
    assert exact.multiplier == pytest.approx(seen, abs=1e-5)
    blind = calendar_effect(Ratios(seen, np.full(4, 1e6)), 0.2, 0.9)
    assert blind.multiplier == pytest.approx(np.ones(4), abs=1e-5)


def test_longer_calendars_leave_less_unknown():
    spreads = [
        calendar_effect(Ratios(np.ones(months), np.full(months, 1e-3)), 0.12, 0.9).mean_variance
        for months in (12, 60, 240)
    ]
    assert spreads == sorted(spreads, reverse=True)


@pytest.mark.parametrize("sd", [0.05, 0.25])
def test_the_size_of_calendar_effects_comes_back(sd):
    months, phi = 300, 0.8
    lag = np.abs(np.subtract.outer(np.arange(months), np.arange(months)))
    root = np.linalg.cholesky(phi**lag + 1e-12 * np.eye(months))
    found = []
    for seed in range(3):
        z = root @ np.random.default_rng(seed).standard_normal(months)
        ratio = np.exp(sd * z - sd**2 / 2)
        found.append(fit_macro(Ratios(ratio, np.full(months, 1e-4)), 0.12, 0.9).sd)
    assert np.mean(found) == pytest.approx(sd, rel=0.35)
