from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from pricing.fit.hazard import Cells, Prior, centred, fit_hazard
from pricing.scoring import base_log_odds

KNOTS = (0.0, 6.0, 12.0, 24.0)
AGES = 24
WIDE = 1e4


def cells(new, dormant, curve=None, features=None):
    new = np.atleast_2d(np.asarray(new, np.float64))
    size = len(new)
    return Cells(
        new=new,
        dormant=np.broadcast_to(np.asarray(dormant, np.float64), new.shape).copy(),
        curve=np.zeros(size, np.int64) if curve is None else np.asarray(curve),
        features=np.zeros((size, 1)) if features is None else np.asarray(features, np.float64),
        offset=np.zeros(new.shape),
        knots=KNOTS,
    )


def prior(curves=1, step_sd=WIDE, level_sd=WIDE, coefficients=1, sd=1.0, centre=-4.0):
    at_knots = np.full((curves, len(KNOTS)), centre)
    return Prior(at_knots, step_sd, level_sd, np.zeros(coefficients), np.full(coefficients, sd))


def drawn(seed, at_knots, loans=20_000):
    rng = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-base_log_odds(at_knots, KNOTS, AGES)[1:]))
    return rng.binomial(loans, chance)


def test_a_constant_chance_has_a_closed_form():
    """30 starts in 1,000 months at every age: log-odds ln(30 / 970) at every knot."""
    fit = fit_hazard(cells(np.full(AGES, 30), 1000), prior())
    assert fit.at_knots == pytest.approx(np.full((1, len(KNOTS)), np.log(30 / 970)), abs=1e-5)


def test_the_error_of_a_level_has_a_closed_form():
    """Under a stiff prior for its shape, a curve has the binomial's information, sum n p q."""
    stiff = prior(step_sd=1e-4)
    falling = replace(stiff, at_knots=stiff.at_knots - 0.01 * np.array(KNOTS))
    one = cells(np.full(AGES, 30), 1000)
    fit = fit_hazard(one, falling)
    chance = expit(fit.log_odds[0])
    error = (1000 * chance * (1 - chance)).sum() ** -0.5
    assert fit.knot_errors == pytest.approx(np.full((1, 4), error), rel=1e-3)


def test_twice_the_data_halves_the_variance():
    new = drawn(1, (-3.0, -3.5, -4.0, -4.2))
    one = fit_hazard(cells(new, 20_000), prior())
    two = fit_hazard(cells(2 * new, 40_000), prior())
    assert two.at_knots == pytest.approx(one.at_knots, abs=1e-5)
    assert (one.knot_errors / two.knot_errors) ** 2 == pytest.approx(np.full((1, 4), 2), rel=1e-3)


def test_without_data_the_fit_is_the_prior():
    fit = fit_hazard(cells(np.zeros(AGES), 0), prior(step_sd=0.3, level_sd=0.5))
    assert fit.at_knots == pytest.approx(np.full((1, 4), -4.0))
    assert np.isfinite(fit.knot_errors).all()


def test_ages_without_data_run_beside_the_prior():
    """Months 1 to 6 alone were seen, at a higher level: later knots move up with them."""
    seen = np.arange(1, AGES + 1) <= 6
    one = cells(np.where(seen, 60, 0), np.where(seen, 1000, 0))
    fit = fit_hazard(one, prior(step_sd=0.05, level_sd=3.0))
    assert fit.at_knots[0, 2:] == pytest.approx(fit.at_knots[0, 1], abs=0.02)
    assert fit.knot_errors[0, 3] > fit.knot_errors[0, 1]


def test_errors_cover_the_truth():
    truth = np.array((-3.0, -3.4, -3.9, -4.4))
    far = []
    for seed in range(40):
        fit = fit_hazard(cells(drawn(seed, truth), 20_000), prior())
        far.append((fit.at_knots[0] - truth) / fit.knot_errors[0])
    spread = np.sqrt((np.array(far) ** 2).mean(axis=0))
    assert ((spread > 0.7) & (spread < 1.35)).all(), spread


def test_effects_and_curves_are_told_apart():
    truth = np.array((-3.0, -3.2, -3.4, -3.6))
    rows = [drawn(7, truth + shift, 200_000) for shift in (-0.25, 0.25)]
    features = [[1.0, 0.0], [0.0, 1.0]]
    fit = fit_hazard(cells(rows, 200_000, features=features), prior(coefficients=2))
    even = centred(fit, np.array([[0.5, 0.5]]))
    assert even.coefficient == pytest.approx([-0.25, 0.25], abs=0.02)
    assert even.at_knots[0] == pytest.approx(truth, abs=0.05)
    assert (even.coefficient_errors < 0.02).all()


def test_centring_changes_no_chance():
    rng = np.random.default_rng(3)
    one = cells(rng.integers(0, 30, (2, AGES)), 1000, features=[[1, 0], [0, 1]])
    fit = fit_hazard(one, prior(coefficients=2))
    even = centred(fit, np.array([[0.3, 0.7]]))
    was = fit.at_knots[0] + fit.coefficient[0]
    assert even.at_knots[0] + even.coefficient[0] == pytest.approx(was)
    assert np.array([0.3, 0.7]) @ even.coefficient == pytest.approx(0, abs=1e-12)


def test_two_curves_borrow_nothing_under_a_wide_prior():
    rows = [np.full(AGES, 20), np.full(AGES, 80)]
    fit = fit_hazard(cells(rows, 1000, curve=[0, 1]), prior(curves=2))
    assert fit.at_knots[:, 1] == pytest.approx([np.log(20 / 980), np.log(80 / 920)], abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=AGES, max_size=AGES), st.integers(0, 10**6))
def test_any_counts_give_finite_estimates_and_errors(new, more):
    fit = fit_hazard(cells(new, np.array(new) + more), prior(step_sd=0.3, level_sd=3.0))
    assert np.isfinite(fit.at_knots).all()
    assert (fit.knot_errors > 0).all()
