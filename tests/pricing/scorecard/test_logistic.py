import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression

from pricing.scorecard.logistic import NoFit, fit_logistic


def drawn(rows=2_000, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)) * (1.0, 5.0, 0.2)
    y = rng.random(rows) < special.expit(-1 + x @ (0.8, -0.1, 2.0))
    return x, y.astype(float)


@pytest.mark.parametrize("ridge", [0.01, 1.0, 50.0])
def test_slopes_are_those_of_scikit_learn(ridge):
    x, y = drawn()
    ours = fit_logistic(x, y, ridge=ridge)
    theirs = LogisticRegression(C=1 / ridge, tol=1e-10, max_iter=10_000).fit(x, y)
    assert ours.slope == pytest.approx(theirs.coef_[0], abs=1e-6)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-6)


def test_without_a_column_the_intercept_is_the_log_odds_of_the_share():
    y = np.r_[np.ones(30), np.zeros(70)]
    fit = fit_logistic(np.empty((100, 0)), y)
    assert fit.intercept == pytest.approx(np.log(30 / 70), abs=1e-9)
    assert fit.standard_error[0] == pytest.approx(1 / np.sqrt(100 * 0.3 * 0.7), rel=1e-9)


def test_one_binary_column_has_the_closed_form_of_a_two_by_two_table():
    """Woolf (1955): slope = log odds ratio, variance = sum of reciprocal counts."""
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [20, 30, 15, 60])
    y = np.repeat([1.0, 0.0, 1.0, 0.0], [20, 30, 15, 60])
    fit = fit_logistic(x[:, None], y)
    assert fit.slope[0] == pytest.approx(np.log(20 * 60 / (30 * 15)), abs=1e-8)
    variance = 1 / 20 + 1 / 30 + 1 / 15 + 1 / 60
    assert fit.standard_error[1] == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_classes_that_separate_are_refused_without_a_ridge_and_fitted_with_one():
    x = np.linspace(-1, 1, 100)[:, None]
    y = (x[:, 0] > 0).astype(float)
    with pytest.raises(NoFit, match="ridge"):
        fit_logistic(x, y)
    assert np.isfinite(fit_logistic(x, y, ridge=1.0).slope).all()


def test_columns_that_repeat_each_other_are_refused_without_a_ridge():
    x, y = drawn()
    with pytest.raises(NoFit, match="repeat"):
        fit_logistic(np.column_stack([x, x[:, 0]]), y)


@pytest.mark.parametrize("y", [np.zeros(5), np.ones(5), np.empty(0)])
def test_a_fit_needs_both_classes(y):
    with pytest.raises(NoFit, match="both classes"):
        fit_logistic(np.ones((len(y), 1)), y)


def test_a_negative_ridge_is_refused():
    x, y = drawn(100)
    with pytest.raises(NoFit, match="below 0"):
        fit_logistic(x, y, ridge=-1.0)
