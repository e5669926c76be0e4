from dataclasses import replace

import numpy as np
import pytest

from pricing import Terms, value
from pricing.errors import MixedBasis, MixedCurrency
from pricing.factors import macro_root
from pricing.fit.seasoned import _expected as expected_starts
from pricing.fit.seasoned import seasoned
from pricing.history.synthetic import Deals, as_truth, synthetic_history
from tests.pricing.builders import reference

DEALS = Deals(deals=6, loans=3000, every_months=3, months=36)


@pytest.fixture(scope="module")
def truth():
    return as_truth(reference())


@pytest.fixture(scope="module")
def drawn(truth):
    return synthetic_history(truth, DEALS, seed=5)


@pytest.mark.parametrize("deal", range(6))
def test_own_payments_move_the_level_towards_the_deals_own(truth, drawn, deal):
    after = seasoned(truth, drawn.own_history(deal, drawn.last_month))
    told = after.diagnostics["seasoned"]
    was = float(drawn.level[deal].mean())
    found = told["level"] * np.mean(list(told["product_levels"].values()))
    assert abs(np.log(found / was)) < 0.35
    assert np.sign(np.log(found)) == np.sign(np.log(was)) or abs(np.log(was)) < 0.2


def test_more_months_leave_less_unknown(truth, drawn):
    sds = []
    for months in (3, 12, 36):
        after = seasoned(truth, drawn.own_history(0, months))
        sds.append(np.hypot(after.factors.pool, after.products[1].parameter_sd))
        assert after.factors.pool <= truth.factors.pool + 1e-12
        assert after.factors.amount <= truth.factors.amount + 1e-12
    assert sds == sorted(sds, reverse=True)


def drawn_again(truth, own, rng):
    """The first payments of `own` drawn anew from the truth's factors; levels by product, ln."""
    risk, products = truth.factors, len(own.products)
    level = risk.pool * rng.standard_normal() + risk.group * rng.standard_normal(products)
    level -= (risk.pool**2 + risk.group**2) / 2
    macro = rng.standard_normal(own.ages) @ macro_root(risk, own.ages) - risk.macro**2 / 2
    expected = expected_starts(truth, own)
    mean = expected * np.exp(level[own.product][:, None] + macro)
    return replace(own, new=rng.poisson(mean)), level


@pytest.mark.parametrize(
    "risk",
    [
        {"pool": 0.15, "group": 0.25, "macro": 0.0},
        {"pool": 0.10, "group": 0.10, "macro": 0.15},
    ],
)
def test_what_is_left_unknown_is_as_wide_as_the_errors_are(truth, drawn, risk):
    """Levels drawn from the prior, counts from the levels: the error of the pool's level over its
    stated deviation has mean 0 and deviation 1. Where the level of the pool was taken too high,
    the products' departures were taken too low: the two must not be added as if independent."""
    products = tuple(replace(one, parameter_sd=0.0) for one in truth.products)
    law = replace(truth, factors=replace(truth.factors, **risk), products=products)
    own = drawn.own_history(0, 12)
    own = replace(own, dormant=own.dormant * 6)  # enough payments to know the level well
    weight = np.bincount(own.product, own.dormant.sum(axis=1)) / own.dormant.sum()
    place = [[one.name for one in products].index(name) for name in own.products]
    before = np.array([products[code].log_odds[0] for code in place])
    rng, errors = np.random.default_rng(11), np.empty(400)
    for number in range(len(errors)):
        seen, level = drawn_again(law, own, rng)
        after = seasoned(law, seen)
        now = [after.products[code] for code in place]
        moved = weight * np.exp([one.log_odds[0] for one in now] - before)
        left = np.expm1([one.parameter_sd**2 for one in now])
        variance = np.expm1(after.factors.pool**2) + (moved / moved.sum()) ** 2 @ left
        errors[number] = (weight @ np.exp(level) / moved.sum() - 1) / np.sqrt(variance)
    assert abs(errors.mean()) < 4 / np.sqrt(len(errors))
    assert abs(errors.std() - 1) < 4 / np.sqrt(2 * len(errors))


def test_no_payment_where_none_was_expected_changes_no_level(truth, drawn):
    own = drawn.own_history(0, 1)
    nothing = replace(own, dormant=own.dormant * 0, new=own.new * 0)
    after = seasoned(truth, nothing)
    for now, was in zip(after.products, truth.products, strict=True):
        assert now.log_odds == pytest.approx(was.log_odds)
    assert after.factors.pool == pytest.approx(truth.factors.pool)


def test_a_silent_pool_is_worth_less_and_a_value_uses_it(truth, drawn):
    own = drawn.own_history(0, 12)
    silent = replace(own, new=own.new * 0, stay=own.stay * 0, settle=own.settle * 0)
    pool, terms = drawn.pool(0, 12), Terms(paths=256, horizon_months=24)
    before = value(pool, truth, terms)
    after = value(pool, seasoned(truth, silent), terms)
    assert after.price < 0.8 * before.price
    assert after.calibration != before.calibration


def test_a_product_the_calibration_does_not_know_gets_its_own_level(truth, drawn):
    own = replace(drawn.own_history(0, 24), products=("boat_loan", "credit_card"))
    after = seasoned(truth, own)
    assert {"boat_loan"} < {product.name for product in after.products}
    assert "boat_loan" in after.diagnostics["seasoned"]["product_levels"]


def test_own_payments_in_another_unit_are_refused(truth, drawn):
    own = drawn.own_history(0, 12)
    with pytest.raises(MixedCurrency):
        seasoned(truth, replace(own, currency="USD"))
    with pytest.raises(MixedBasis):
        seasoned(replace(truth, basis_scale={}), replace(own, basis="claim"))
