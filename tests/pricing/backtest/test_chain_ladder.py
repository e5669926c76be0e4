"""Against the package chainladder, which is asked at test time only."""

import numpy as np
import pytest

from pricing.backtest.chain_ladder import development, mack, odp_bootstrap, odp_fit
from pricing.errors import PricingError

cl = pytest.importorskip("chainladder")


@pytest.fixture(scope="module")
def triangle():
    return cl.load_sample("raa")


def cumulative_of(triangle):
    return triangle.values[0, 0]


def incremental_of(triangle):
    cumulative = cumulative_of(triangle)
    return np.diff(cumulative, axis=1, prepend=0.0)


def test_factors_means_and_errors_are_those_of_mack(triangle):
    by_mack = cl.Development(sigma_interpolation="mack").fit_transform(triangle)
    cumulative, theirs = cumulative_of(triangle), cl.MackChainladder().fit(by_mack)
    law = development(cumulative)
    factors = cl.Development().fit(triangle).ldf_.values[0, 0, 0]
    assert law.factor == pytest.approx(factors, rel=1e-9)
    ultimate, error = theirs.ultimate_.values[0, 0, :, 0], theirs.mack_std_err_.values[0, 0, :, -1]
    for row in range(len(cumulative)):
        mean, deviation = mack(cumulative, row, cumulative.shape[1])
        assert mean == pytest.approx(ultimate[row], rel=1e-9)
        assert deviation == pytest.approx(np.nan_to_num(error[row]), rel=1e-6)


def test_fitted_cells_and_dispersion_are_those_of_the_bootstrap_package(triangle):
    incremental = incremental_of(triangle)
    fit = odp_fit(incremental)
    assert np.where(fit.known, fit.fitted, 0).sum(axis=1) == pytest.approx(
        np.nansum(incremental, axis=1)
    )
    theirs = cl.BootstrapODPSample(n_sims=10, random_state=1).fit(triangle)
    assert fit.dispersion == pytest.approx(float(np.squeeze(theirs.scale_)), rel=1e-6)


def test_the_bootstrap_spreads_like_the_package_s(triangle):
    incremental = incremental_of(triangle)
    theirs = cl.BootstrapODPSample(n_sims=4_000, random_state=1).fit(triangle)
    ibnr = cl.Chainladder().fit(theirs.resampled_triangles_).ibnr_.values[:, 0, :, 0]
    rng = np.random.default_rng(1)
    row = 6
    window = int(np.isfinite(incremental[row]).sum()), incremental.shape[1]
    ours = odp_bootstrap(incremental, window, 4_000, rng)[:, row]
    parameter = np.nan_to_num(ibnr[:, row])
    assert ours.mean() == pytest.approx(parameter.mean(), rel=0.1)
    assert ours.std() > parameter.std()  # the process comes on top
    process = np.sqrt(max(odp_fit(incremental).dispersion * ours.mean(), 0))
    assert ours.std() == pytest.approx(np.hypot(parameter.std(), process), rel=0.15)


def test_a_perfect_triangle_has_no_spread_and_exact_forecasts():
    level, share = np.array([100.0, 200.0, 400.0, 300.0]), np.array([0.4, 0.3, 0.2, 0.1])
    full = level[:, None] * share
    known = np.add.outer(np.arange(4), np.arange(4)) < 4
    incremental = np.where(known, full, np.nan)
    sample = odp_bootstrap(incremental, (1, 4), 50, np.random.default_rng(1))
    assert sample[:, 3] == pytest.approx(np.full(50, 300 * 0.6))
    assert sample[:, 4] == pytest.approx(np.full(50, 1_000 * 0.6))  # the level of all together
    mean, error = mack(np.cumsum(incremental, axis=1), 3, 4)
    assert (mean, error) == (pytest.approx(300), pytest.approx(0, abs=1e-6))


def test_a_period_nobody_has_reached_is_refused():
    with pytest.raises(PricingError, match="beyond period 1"):
        development(np.array([[1.0, np.nan], [2.0, np.nan]]))
