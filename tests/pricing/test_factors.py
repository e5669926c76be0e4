from dataclasses import replace

import numpy as np
import pytest

from pricing.calendar import MacroStart
from pricing.calibration import FactorRisk
from pricing.factors import FactorModel, count_stream, factor_block, macro_root, normals

RISK = FactorRisk(pool=0.25, group=0.15, macro=0.12, phi=0.95, amount=0.08)
MODEL = FactorModel(
    risk=RISK,
    group=np.array([0, 0, 1]),
    product=np.array([0, 1, 1]),
    parameter_sd=np.array([0.1, 0.2]),
    months=24,
)


def test_a_block_is_the_same_whoever_computes_it_and_in_any_order():
    later, first = normals(MODEL, 7, 3), normals(MODEL, 7, 0)
    np.testing.assert_array_equal(normals(MODEL, 7, 3), later)
    np.testing.assert_array_equal(normals(MODEL, 7, 0), first)
    assert not np.array_equal(first, later)
    assert not np.array_equal(normals(MODEL, 8, 0), first)
    assert count_stream(7, 3).random() == count_stream(7, 3).random()
    assert len({count_stream(seed, block).random() for seed in (1, 2) for block in (0, 1)}) == 4


def test_blocks_are_balanced_points():
    """Each dimension of a scrambled Sobol block has one point in each of its 256 strata."""
    z = normals(MODEL, 7, 5)
    assert np.abs(z.mean(axis=0)).max() < 0.02
    assert np.abs(z.std(axis=0) - 1).max() < 0.05


def test_multipliers_have_mean_one_and_the_stated_spread():
    z = np.concatenate([normals(MODEL, 7, block) for block in range(16)])
    block = factor_block(MODEL, z)
    for multiplier in (block.level, block.macro, block.ticket):
        assert multiplier.mean() == pytest.approx(1, abs=0.01)
    spread = np.log(block.level).std(axis=0)
    expected = np.sqrt(0.25**2 + 0.15**2 + np.array([0.1, 0.2, 0.2]) ** 2)
    np.testing.assert_allclose(spread, expected, rtol=0.03)
    assert np.log(block.ticket).std() == pytest.approx(0.08, rel=0.03)


def test_the_macro_factor_has_the_covariance_of_its_process():
    root = macro_root(RISK, 24)
    lag = np.abs(np.subtract.outer(np.arange(24), np.arange(24)))
    np.testing.assert_allclose(root.T @ root, 0.12**2 * 0.95**lag, atol=1e-12)


def test_a_known_start_narrows_the_first_months_and_fades():
    start = MacroStart(mean=0.2, sd=0.02, pool_correlation=-0.5)
    model = replace(MODEL, risk=replace(RISK, start=start), months=60)
    z = np.concatenate([normals(model, 7, block) for block in range(16)])
    block = factor_block(model, z)
    logs = np.log(block.macro) + RISK.macro**2 / 2
    month = np.arange(1, 61)
    np.testing.assert_allclose(logs.mean(axis=0), 0.2 * 0.95**month, atol=0.005)
    spread = np.sqrt(0.12**2 + (0.02**2 - 0.12**2) * 0.95 ** (2 * month))
    np.testing.assert_allclose(logs.std(axis=0), spread, rtol=0.03)
    pool = z[:, 0]
    found = np.corrcoef(pool, logs[:, 0])[0, 1]
    assert found == pytest.approx(-0.5 * 0.02 * 0.95 / spread[0], abs=0.02)


def test_a_start_at_the_stationary_law_is_no_start():
    start = MacroStart(mean=0.0, sd=RISK.macro, pool_correlation=0.0)
    z = normals(MODEL, 7, 0)
    known = factor_block(replace(MODEL, risk=replace(RISK, start=start)), z)
    np.testing.assert_allclose(known.macro, factor_block(MODEL, z).macro, rtol=1e-9)
