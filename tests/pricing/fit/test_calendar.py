from dataclasses import replace

import numpy as np
import pytest

from pricing.calendar import Calendar
from pricing.calibration import FactorRisk
from pricing.errors import BadCalibration
from pricing.factors import FactorModel, factor_block, normals
from pricing.fit.calendar import as_of, calendar_of, past_of, past_without_calendar
from pricing.fit.levels import Ratios, calendar_effect
from tests.pricing.builders import reference

RISK = FactorRisk(pool=0.2, group=0.1, macro=0.15, phi=0.9, amount=0.05)
FIRST, MONTHS = 24_180, 36


def calendar(noise=1e-3, level_sd=1.0, months=MONTHS, seed=1):
    """A calendar drawn from the law and seen with noise."""
    rng = np.random.default_rng(seed)
    lag = np.abs(np.subtract.outer(np.arange(months), np.arange(months)))
    root = np.linalg.cholesky(RISK.macro**2 * RISK.phi**lag)
    true = np.exp(root @ rng.standard_normal(months) - RISK.macro**2 / 2)
    seen = np.maximum(true + np.sqrt(noise) * rng.standard_normal(months), 0.01)
    found = calendar_of(FIRST, Ratios(seen, np.full(months, noise)))
    return replace(found, level_sd=level_sd), true


def calibration(known):
    base = reference()
    return replace(base, factors=RISK, calendar=known)


def drawn(started, *, months, blocks):
    """The engine's factors of one group, without parameter error."""
    model = FactorModel(
        risk=started.factors, group=np.array([0]), product=np.array([0]),
        parameter_sd=np.zeros(1), months=months,
    )  # fmt: skip
    return factor_block(model, np.concatenate([normals(model, 3, each) for each in range(blocks)]))


def test_a_calendar_seen_without_noise_is_where_it_was_seen():
    known, true = calendar(noise=1e-9, level_sd=0.0)
    started = as_of(calibration(known), known.last_month)
    start = started.factors.start
    assert start.mean - RISK.macro**2 / 2 == pytest.approx(np.log(true[-1]), abs=1e-3)
    assert start.sd < 1e-3
    assert started.factors.pool == pytest.approx(RISK.pool)
    assert started.calendar is None


def test_what_is_known_of_the_calendar_fades_until_nothing_is_left():
    known, _ = calendar()
    sds, means = [], []
    for later in (0, 6, 24, 120):
        start = as_of(calibration(known), known.last_month + later).factors.start
        sds.append(start.sd)
        means.append(abs(start.mean))
    assert sds == sorted(sds)
    assert sds[-1] == pytest.approx(RISK.macro, rel=0.05)
    assert means[-1] < 0.02


def test_the_estimate_is_that_of_the_calibration_when_the_level_is_known():
    known, _ = calendar(level_sd=0.0)
    ratios = Ratios(np.array(known.ratio), 1 / np.array(known.information))
    past = past_of(known, RISK, FIRST, known.last_month)
    spread = np.diag(past.covariance)[1:]
    wanted = calendar_effect(ratios, RISK.macro, RISK.phi).multiplier
    np.testing.assert_allclose(np.exp(past.mean[1:] + spread / 2), wanted, rtol=1e-6)


def test_level_and_calendar_are_told_together_and_apart_hardly_at_all():
    known, _ = calendar()
    past = past_of(known, RISK, FIRST, known.last_month)
    level, now = past.covariance[0, 0], past.covariance[-1, -1]
    both = level + now + 2 * past.covariance[0, -1]
    assert past.covariance[0, -1] < 0
    assert both < 0.2 * min(level, now)


def test_the_error_of_the_level_moves_from_the_products_to_the_pool():
    known, _ = calendar()
    products = tuple(replace(one, parameter_sd=0.2) for one in reference().products)
    before = replace(calibration(known), products=products)
    after = as_of(before, known.last_month)
    assert after.factors.pool > before.factors.pool
    assert after.factors.start.pool_correlation < -0.1
    for one, was in zip(after.products, products, strict=True):
        whole = np.expm1(one.parameter_sd**2) + np.expm1(after.factors.pool**2 - RISK.pool**2)
        assert whole == pytest.approx(np.expm1(was.parameter_sd**2))


def test_future_months_have_the_law_that_the_past_leaves():
    """The engine's factors beside the joint law: level times macro at 1 and 12 months."""
    known, _ = calendar()
    started = as_of(calibration(known), known.last_month)
    block = drawn(started, months=12, blocks=32)
    past = past_of(known, RISK, known.last_month, known.last_month)
    mean, (level, now, joint) = past.mean[-1], (
        past.covariance[0, 0], past.covariance[-1, -1], past.covariance[0, -1]
    )  # fmt: skip
    for month in (1, 12):
        fade = RISK.phi**month
        both = np.log(block.level[:, 0] * block.macro[:, month - 1])
        state = fade * (mean + RISK.macro**2 / 2) - RISK.macro**2 / 2
        spread = RISK.pool**2 + RISK.group**2 + level + 2 * fade * joint
        spread += fade**2 * now + RISK.macro**2 * (1 - fade**2)
        level_mean = -(RISK.pool**2 + level + RISK.group**2) / 2
        assert both.mean() == pytest.approx(state + level_mean, abs=0.004)
        assert both.std() == pytest.approx(np.sqrt(spread), rel=0.02)


def test_nothing_seen_is_the_stationary_law():
    past = past_without_calendar(RISK, 24)
    assert past.level_variance == 0
    assert np.exp(past.mean + np.diag(past.covariance) / 2) == pytest.approx(np.ones(25))
    nothing = Ratios(np.full(3, np.nan), np.full(3, np.nan))
    assert calendar_of(FIRST, nothing) is None
    base = reference()
    assert as_of(base, FIRST) is base


@pytest.mark.parametrize("back", [1, 12, MONTHS - 1])
def test_a_month_inside_the_calendar_starts_where_it_was_seen(back):
    known, true = calendar(noise=1e-9, level_sd=0.0)
    start = as_of(calibration(known), known.last_month - back).factors.start
    assert start.mean - RISK.macro**2 / 2 == pytest.approx(np.log(true[-1 - back]), abs=1e-3)
    assert start.sd < 1e-3


def test_one_month_of_history_more_moves_the_start_little():
    known, _ = calendar()
    told = Calendar(FIRST, known.ratio[:-1], known.information[:-1], known.level_sd)
    longer, shorter = (
        as_of(calibration(one), told.last_month).diagnostics["started"]["first_month"]
        for one in (known, told)
    )
    assert longer == pytest.approx(shorter, rel=0.03)


@pytest.mark.parametrize("months", [601, 12_000, -1_000])
def test_far_from_its_calendar_a_calibration_starts_from_the_stationary_law(months):
    known, _ = calendar()
    after = as_of(calibration(known), known.last_month + months)
    start = after.factors.start
    assert (start.mean, start.sd) == (pytest.approx(0, abs=1e-9), pytest.approx(RISK.macro))
    assert not after.diagnostics["started"]["is_near"]


def test_the_start_is_told_as_a_share_of_the_curves_given():
    """The engine's mean factor of month 1 on the shifted curves, over the curves before."""
    known, _ = calendar()
    before = calibration(known)
    after = as_of(before, known.last_month)
    block = drawn(after, months=1, blocks=64)
    shift = np.exp(after.products[0].log_odds[0] - before.products[0].log_odds[0])
    told = after.diagnostics["started"]
    expected = shift * (block.level[:, 0] * block.macro[:, 0]).mean()
    assert told["first_month"] == pytest.approx(expected, rel=0.01)
    assert told["calibration_hash"] == before.content_hash
    assert told["month"] == "2017-12"


@pytest.mark.parametrize(
    "wrong",
    [
        {"ratio": (), "information": ()},
        {"information": (1.0,)},
        {"ratio": (1.0, float("nan"))},
        {"information": (1.0, -1.0)},
        {"level_sd": -0.1},
    ],
)
def test_a_calendar_that_cannot_be_is_refused(wrong):
    plain = {"first_month": FIRST, "ratio": (1.0, 1.1), "information": (9.0, 8.0), "level_sd": 1.0}
    with pytest.raises(BadCalibration):
        Calendar(**{**plain, **wrong})
