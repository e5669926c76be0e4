import json
from dataclasses import replace

import numpy as np
import pytest

from pricing import Calibration, Terms, calibrate, read_history, value
from pricing.errors import BadCalibration, EmptyHistory, MixedBasis, MixedCurrency
from pricing.history.synthetic import Deals, as_truth, synthetic_history
from tests.pricing.builders import reference

MANY = Deals(deals=12, loans=1500, every_months=3, months=24)


@pytest.fixture(scope="module")
def truth():
    return as_truth(reference())


@pytest.fixture(scope="module")
def drawn(truth):
    return synthetic_history(truth, MANY, seed=11)


@pytest.fixture(scope="module")
def fitted(truth, drawn):
    return calibrate(drawn.history(), name="fit", base=truth)


def test_a_fit_says_what_it_is(fitted):
    assert fitted.is_fitted
    assert fitted.label == "fit"
    assert {"curves", "effects.reachable", "factors.pool"} <= set(fitted.diagnostics["fitted"])
    assert "channels" in fitted.diagnostics["judged"]


def test_a_fit_survives_json_and_repeats_to_the_bit(truth, drawn, fitted):
    again = Calibration.from_json(fitted.to_json())
    assert again == fitted
    assert again.content_hash == fitted.content_hash
    assert calibrate(drawn.history(), name="fit", base=truth).content_hash == fitted.content_hash


def test_every_number_of_the_diagnostics_is_finite(fitted):
    json.dumps(fitted.diagnostics, allow_nan=False)


def test_known_parameters_come_back_within_their_errors(truth, fitted):
    errors = fitted.diagnostics["products"]
    known = {product.name: product for product in truth.products}
    for product in fitted.products[1:]:
        was, told = known[product.name], errors[product.name]
        months = told["payer_months"]
        assert abs(product.keep - was.keep) < 4 * np.sqrt(was.keep * (1 - was.keep) / months)
        assert abs(product.settle - was.settle) < 4 * np.sqrt(was.settle / months)
        for now, then, name in (
            (product.instalment_mean, was.instalment_mean, "instalments"),
            (product.lump_mean, was.lump_mean, "lump_sums"),
        ):
            assert abs(now / then - 1) < 4 * told[name]["relative_error"]
    for attribute in ("reachable", "prior_placements", "litigation_status"):
        now = fitted.diagnostics["effects"][attribute]
        first, *others = now
        for level in others:
            gap = now[level]["value"] - now[first]["value"]
            true_gap = truth.effects[attribute][level] - truth.effects[attribute][first]
            error = np.hypot(now[level]["error"], now[first]["error"])
            assert abs(gap - true_gap) < 4 * error
    slope = fitted.diagnostics["effects"]["balance"]["slope"]
    assert abs(slope["value"] - truth.balance_slope) < 4 * slope["error"]


def test_a_value_with_a_fitted_calibration_is_finite_and_reproduces(drawn, fitted):
    pool = drawn.pool(11, drawn.last_month)
    result = value(pool, fitted, Terms(paths=256, horizon_months=24))
    assert result.is_fitted
    assert 0 < result.price < result.face
    assert np.isfinite(result.cash_quantiles).all()


def test_few_cohorts_keep_the_judged_risk_and_say_so(truth):
    few = synthetic_history(truth, replace(MANY, deals=7), seed=2).history()
    fit = calibrate(few, name="few", base=truth)
    assert fit.factors.pool == pytest.approx(0.25)
    assert fit.factors.group == pytest.approx(truth.factors.group)
    assert {"factors.pool", "factors.group", "factors.amount"} <= set(fit.diagnostics["judged"])


def test_costs_and_names_come_from_the_base(truth, fitted):
    for name in ("channels", "default_channel", "aliases", "currency", "market", "knots"):
        assert getattr(fitted, name) == getattr(truth, name)


def test_effects_of_absent_attributes_are_dropped_or_kept_as_asked(truth):
    plain = synthetic_history(truth, replace(MANY, deals=2, has_attributes=False), seed=2)
    history = plain.history()
    assert calibrate(history, name="a", base=truth).effects == {}
    kept = calibrate(history, name="a", base=truth, keep_effects=("reachable",))
    assert kept.effects == {"reachable": truth.effects["reachable"]}
    assert kept.diagnostics["kept_effects"] == ["reachable"]
    with pytest.raises(BadCalibration, match="colour"):
        calibrate(history, name="a", base=truth, keep_effects=("colour",))


def test_a_history_that_does_not_fit_its_base_is_refused(truth, drawn):
    history = drawn.history()
    with pytest.raises(MixedCurrency):
        calibrate(replace(history, currency="USD"), name="a", base=truth)
    with pytest.raises(MixedBasis):
        narrow = replace(truth, basis_scale={})
        calibrate(replace(history, basis="claim"), name="a", base=narrow)
    with pytest.raises(EmptyHistory, match="no payment"):
        silent = replace(
            history, new=history.new * 0, stay=history.stay * 0, settle=history.settle * 0
        )
        calibrate(silent, name="a", base=truth)


def test_the_claim_is_counted_once(truth):
    """Large tickets, most of them cut at the claim: the fit finds the tickets before the cut, and
    the engines cut them again to the same cash."""
    large = replace(
        truth,
        products=tuple(
            replace(one, keep=0.8, instalment_mean=0.35, instalment_shape=2.0)
            for one in truth.products
        ),
    )
    drawn = synthetic_history(large, replace(MANY, loans=3000, months=12), seed=5)
    fit = calibrate(drawn.history(), name="large", base=truth)
    seen = drawn.payments.loc[~drawn.payments["settled"]].merge(drawn.loans, on="loan_id")
    assert (seen["cash"] / seen["balance"]).mean() < 0.9 * 0.35
    for product in fit.products:
        assert product.instalment_mean == pytest.approx(0.35, rel=0.08)
    level = replace(fit, products=tuple(
        replace(one, log_odds=other.log_odds)
        for one, other in zip(fit.products, _named(large, fit), strict=True)
    ), effects=large.effects, balance_slope=large.balance_slope,
        balance_reference=large.balance_reference, factors=large.factors)  # fmt: skip
    terms = Terms(paths=256, horizon_months=36)
    prices = [value(drawn.pool(11, 33), one, terms).price for one in (large, level)]
    assert prices[1] == pytest.approx(prices[0], rel=0.05)


def _named(calibration, other):
    known = {one.name: one for one in calibration.products}
    return [known[one.name] for one in other.products]


def test_a_history_of_the_default_product_fits_the_default(truth):
    plain = synthetic_history(truth, replace(MANY, deals=2, products=("default",)), seed=2)
    fit = calibrate(plain.history(), name="a", base=truth)
    assert [product.name for product in fit.products] == ["default"]


def test_a_dollar_history_is_fitted_from_the_american_reference():
    american = as_truth(reference("us-consumer-reference"))
    deals = replace(MANY, deals=2, products=("default",), mean_balance=3000.0)
    fit = calibrate(synthetic_history(american, deals, 3).history(), name="us", base=american)
    assert (fit.currency, fit.basis, fit.market) == ("USD", "claim", "US")


def test_a_history_without_dates_keeps_the_judged_calendar(truth, drawn):
    payments, loans = drawn.known_at(drawn.last_month)
    undated = read_history(
        payments, loans.drop(columns="charge_off_date"), currency="CNY", basis="principal"
    )
    fit = calibrate(undated, name="a", base=truth)
    assert (fit.factors.macro, fit.factors.phi) == (truth.factors.macro, truth.factors.phi)
    assert "factors.macro" in fit.diagnostics["judged"]


def test_a_history_of_payers_alone_is_questioned(truth, drawn, fitted):
    payments, loans = drawn.known_at(drawn.last_month)
    payers = loans[loans["loan_id"].isin(payments["loan_id"])]
    survivors = read_history(payments, payers, currency="CNY", basis="principal")
    notes = calibrate(survivors, name="a", base=truth).diagnostics["notes"]
    assert notes == ["100% of the loans paid: are loans that never paid missing?"]
    assert fitted.diagnostics["notes"] == []


def test_a_history_without_closings_has_none_and_says_so(truth, drawn):
    payments, loans = drawn.known_at(drawn.last_month)
    unflagged = payments.drop(columns=["settled", "is_last"])
    history = read_history(unflagged, loans, currency="CNY", basis="principal")
    fit = calibrate(history, name="a", base=truth)
    assert all(product.settle == 0 for product in fit.products)
    assert "lump sums" in fit.diagnostics["judged"]
    assert "no column `settled`" in fit.diagnostics["notes"][-1]
    pool, terms = drawn.pool(11, drawn.last_month), Terms(paths=256, horizon_months=24)
    flagged = calibrate(drawn.history(), name="b", base=truth)
    prices = [value(pool, one, terms).price for one in (fit, flagged)]
    assert prices[0] == pytest.approx(prices[1], rel=0.1)
