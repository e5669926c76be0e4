from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing import ChannelCost, Terms, value
from pricing.blocks import simulate, simulate_block
from pricing.errors import BadColumn, BadTerms, EmptyPool, MixedBasis, MixedCurrency
from pricing.plan import plan_of
from pricing.summary import summarise
from tests.pricing.builders import (
    CN,
    NO_RISK,
    US,
    calibration,
    curve,
    frame,
    pool,
    random_frame,
    reference,
)

FEW = Terms(paths=256)


def price(loans, terms=FEW, model=None):
    return value(loans, model or reference(), terms).price


def test_constant_hazard_has_a_closed_form_price():
    """keep = settle = 0: p_t = l/(1+l) (1 - (-l)^t); the price is balance x fee x ticket x p."""
    model = calibration(channels=(ChannelCost("free", fee_share=0.25),))
    hazard = np.exp(-3.0) / (1 + np.exp(-3.0))
    month = np.arange(1, 61)
    pays = hazard / (1 + hazard) * (1 - (-hazard) ** month)
    expected = 30_000 * 0.75 * 0.004 * (pays @ 1.2 ** (-month / 12))
    assert price(pool(), model=model) == pytest.approx(expected, rel=1e-12)


def test_three_loans_by_hand():
    """Three loans, two months, no risk: the worked example of docs/pricing.md."""
    loans = pool(balance=[1_000.0, 2_000.0, 4_000.0], age_months=[0, 12, 60])
    product = curve(
        log_odds=(-2.0, -3.0, -4.0, -5.0), keep=0.5, settle=0.1, instalment_mean=0.05,
        lump_mean=0.2,
        lump_shape=60.0,
    )  # fmt: skip
    model = calibration(product, channels=(ChannelCost("free", fee_share=0.2, case_cost=1.0),))
    result = value(loans, model, Terms(horizon_months=2, paths=256))
    by_hand = 0.0
    odds = plan_of(loans, model, Terms(horizon_months=2)).portfolio.odds_by_age[0]
    for balance, age in ((1_000, 0), (2_000, 12), (4_000, 60)):
        first, second = (odds[age + t] / (1 + odds[age + t]) for t in (1, 2))
        month_1 = 0.05 * first
        month_2 = 0.05 * (0.5 * first + (1 - first) * second) + 0.2 * 0.1 * first
        by_hand += 0.8 * balance * (month_1 * 1.2 ** (-1 / 12) + month_2 * 1.2 ** (-2 / 12))
        by_hand -= 1.0 * 1.2 ** (-1 / 12)
    assert odds[[0, 12, 60]] == pytest.approx(np.exp([-2.0, -3.0, -4.0]))
    assert result.price == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("loans", [1, 3, 500])
def test_the_result_hangs_together(loans):
    result = value(pool(random_frame(loans)), reference(), replace(FEW, paths=512))
    quantiles = list(result.quantiles.values())
    assert quantiles == sorted(quantiles)
    assert result.price == result.mean > 0
    assert result.irr == pytest.approx(0.20, abs=1e-9)
    assert result.seller_reserve > result.price
    assert result.cumulative_mean == pytest.approx(np.cumsum(result.monthly_cash))
    assert result.multiple == pytest.approx(result.cumulative_mean[-1] / result.price)
    assert result.cumulative_mean[result.payback_months - 1] >= result.price
    assert result.cumulative_mean[result.payback_months - 2] < result.price
    assert (result.gross_mean >= result.monthly_cash).all()
    assert (np.diff(result.cash_quantiles, axis=0) >= 0).all()
    assert result.cash_quantiles.shape == result.cumulative_quantiles.shape == (5, 60)
    assert sum(result.npv_histogram.counts) == 512
    assert sum(amount for _, amount in result.bridge) == pytest.approx(result.price, rel=1e-9)
    assert sum(row.value for row in result.segments) == pytest.approx(result.price, rel=1e-9)
    assert sum(row.loans for row in result.segments) == loans
    cash = sum(row.expected_cash for row in result.segments)
    assert cash == pytest.approx(result.cumulative_mean[-1], rel=1e-9)
    assert 0 <= result.loss_probability <= 1
    assert result.expected_shortfall > 0


pools = st.builds(
    lambda loans, seed, mean: pool(
        random_frame(loans, seed, 0, 90, mean).assign(product="default")
    ),
    st.integers(1, 30),
    st.integers(0, 10_000),
    st.sampled_from([500.0, 20_000.0, 1e6]),
)


@settings(max_examples=5, deadline=None)
@given(pools)
def test_the_allocation_adds_up_on_any_pool(loans):
    result = value(loans, reference(), FEW)
    assert result.allocation.sum() == pytest.approx(result.price, rel=1e-9)
    assert (result.allocation >= 0).all()
    assert len(result.allocation) == len(loans)


@settings(max_examples=5, deadline=None)
@given(pools, st.floats(-0.5, 1.0), st.floats(0.01, 0.5))
def test_the_price_falls_with_the_rate(loans, rate, step):
    low, high = (price(loans, replace(FEW, buyer_irr=r)) for r in (rate, rate + step))
    assert high < low


@settings(max_examples=5, deadline=None)
@given(pools, st.floats(0, 0.9), st.floats(0.01, 0.1))
def test_the_price_falls_with_the_fee(loans, fee, step):
    low, high = (
        price(loans, replace(FEW, costs=(ChannelCost("agency", share),)))
        for share in (fee, fee + step)
    )
    assert high < low


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 24))
def test_the_price_falls_with_age(seed, months):
    table = random_frame(30, seed).assign(product="default")
    older = table.assign(age_months=table["age_months"] + months)
    assert price(pool(older)) < price(pool(table))


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 0.5))
def test_the_price_rises_with_the_level(seed, step):
    loans, model = pool(random_frame(30, seed).assign(product="default")), reference()
    raised = tuple(
        replace(product, log_odds=tuple(odds + step for odds in product.log_odds))
        for product in model.products
    )
    assert price(loans, model=replace(model, products=raised)) > price(loans, model=model)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"reachable": True}, {"reachable": False}),
        ({"months_since_payment": 4.0}, {"months_since_payment": np.nan}),
        ({"months_since_payment": 0.0}, {"months_since_payment": 12.0}),
        ({"prior_placements": 0}, {"prior_placements": 5}),
        ({"litigation_status": "mediated"}, {"litigation_status": "terminated"}),
    ],
)
def test_a_better_loan_is_worth_more(better, worse):
    assert price(pool(**better)) > price(pool(**worse))


def test_twice_the_balance_is_twice_the_price_without_a_balance_effect():
    model = replace(reference(), balance_slope=0.0)
    assert price(pool(balance=20_000.0), model=model) == pytest.approx(
        2 * price(pool(balance=10_000.0), model=model), rel=1e-12
    )


def test_the_same_inputs_give_the_same_bytes_and_another_seed_does_not():
    loans = pool(random_frame(200))
    first = value(loans, reference(), Terms(paths=512)).to_json()
    assert value(loans, reference(), Terms(paths=512)).to_json() == first
    assert value(loans, reference(), Terms(paths=512, seed=2)).to_json() != first


def test_blocks_in_any_order_give_the_same_bytes():
    terms = Terms(paths=1024)
    plan = plan_of(pool(random_frame(200)), reference(), terms)
    backwards = [simulate_block(plan, block) for block in (3, 1, 0, 2)]
    joined = summarise(plan, sorted(backwards, key=lambda part: part.block))
    assert joined.to_json() == value(plan.portfolio.loans, reference(), terms).to_json()


def test_progress_counts_every_block_once():
    seen = []
    value(pool(), reference(), Terms(paths=1024), progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_hundred_paths_more_do_not_move_the_price_beyond_its_error():
    loans = pool(random_frame(300))
    few, many = (value(loans, reference(), Terms(paths=paths, seed=4)) for paths in (1024, 4096))
    assert abs(few.price - many.price) < 4 * few.std_error
    assert many.std_error < 0.002 * many.price


def test_without_risk_only_the_borrowers_own_luck_is_left():
    loans = pool(random_frame(2_000))
    sure = replace(
        reference(),
        factors=NO_RISK,
        products=tuple(replace(one, parameter_sd=0.0) for one in reference().products),
    )
    lucky, risky = value(loans, sure, FEW), value(loans, reference(), FEW)
    assert lucky.std_error == pytest.approx(0, abs=1e-9 * lucky.price)
    assert lucky.sd < 0.4 * risky.sd


def test_loans_that_cannot_pay_are_worth_nothing_and_are_listed():
    table = random_frame(100).assign(status="live")
    table.loc[[3, 7], "status"] = "deceased"
    table.loc[11, "status"] = "fraud"
    result = value(pool(table), reference(), FEW)
    kept = value(pool(table[table["status"] == "live"]), reference(), FEW)
    assert result.allocation[[3, 7, 11]].tolist() == [0, 0, 0]
    assert result.price == pytest.approx(kept.price, rel=1e-12)
    assert [(row.status, row.loans) for row in result.excluded] == [("deceased", 2), ("fraud", 1)]
    assert result.excluded[1].balance == table.loc[11, "balance"]
    assert (result.loans, result.face) == (100, table["balance"].sum())


def test_a_pool_without_a_live_loan_is_refused():
    with pytest.raises(EmptyPool, match="3 are excluded"):
        value(pool(status="bankrupt"), reference(), FEW)


def test_mixed_currency_basis_or_channel_is_refused():
    with pytest.raises(MixedCurrency):
        value(pool(currency="USD"), reference(), FEW)
    with pytest.raises(MixedBasis):
        value(pool(basis="claim"), calibration(), FEW)
    with pytest.raises(BadColumn, match="litigation") as refusal:
        value(pool(channel=["agency", "", "pigeon"]), reference(), FEW)
    assert refusal.value.row == 3


def test_unknown_products_and_regions_take_the_default_and_are_noted():
    model = replace(reference(), effects={**reference().effects, "region": {"north": 0.2}})
    result = value(pool(product="yacht", region=["north", "south", ""]), model, FEW)
    text = " ".join(result.notes)
    assert "yacht" in text
    assert "south" in text
    assert "(empty)" in text
    default = value(pool(product="default", region=["north", "south", ""]), model, FEW)
    assert result.price == default.price


def test_an_alias_is_the_product_it_stands_for():
    assert price(pool(product="信用卡")) == price(pool(product="credit_card"))


def test_ages_beyond_the_curve_go_on_falling_and_are_noted():
    old, older = (value(pool(age_months=age), reference(), FEW) for age in (200, 600))
    assert 0 < older.price < old.price
    assert any("straight line" in note for note in older.notes)
    fresh = value(pool(age_months=0), reference(), FEW)
    assert not any("straight line" in note for note in fresh.notes)


def test_a_giant_loan_has_its_own_cell_and_widens_the_distribution():
    table = random_frame(500)
    giant = table.copy()
    giant.loc[0, "balance"] = 10 * table["balance"].sum()
    even, heavy = (value(pool(one), reference(), Terms(paths=512)) for one in (table, giant))
    assert heavy.provenance.quantile_engine == "paths"
    assert even.provenance.quantile_engine == "cumulants"
    assert heavy.sd / heavy.price > 1.2 * even.sd / even.price
    assert heavy.allocation[0] > 0.8 * heavy.price


def test_costs_above_receipts_give_a_negative_value_and_no_rate():
    dear = (ChannelCost("agency", 0.2, case_cost=9_000.0),)
    result = value(pool(), reference(), replace(FEW, costs=dear))
    assert result.price < 0
    assert result.irr is result.multiple is result.payback_months is result.irr_quantiles is None
    assert result.allocation.sum() == pytest.approx(result.price, rel=1e-9)


def test_a_loan_dearer_than_its_receipts_takes_nothing_and_the_others_carry_it():
    costs = (ChannelCost("agency", 0.2, case_cost=300.0),)
    loans = pool(balance=[100.0, 50_000.0, 100_000.0])
    result = value(loans, reference(), replace(FEW, costs=costs))
    assert result.allocation[0] == 0
    assert result.allocation.sum() == pytest.approx(result.price, rel=1e-9)


def test_costs_of_a_channel_that_nothing_knows_are_refused():
    astray = replace(FEW, costs=(ChannelCost("Agency", 0.5),))
    with pytest.raises(BadTerms, match="Agency"):
        value(pool(), reference(), astray)
    named_by_a_loan = value(pool(channel="Agency"), reference(), astray)
    assert named_by_a_loan.price > 0


def test_a_delayed_channel_pays_nothing_before_its_time():
    late = (ChannelCost("agency", 0.2, delay_months=6),)
    result = value(pool(), reference(), replace(FEW, costs=late))
    assert (result.monthly_cash[:6] == 0).all()
    assert (result.monthly_cash[6:] > 0).all()


def test_a_swing_of_the_uplift_is_named_by_its_step():
    lifted = (ChannelCost("agency", 0.2, uplift=0.69),)
    result = value(pool(), reference(), replace(FEW, costs=lifted))
    row = next(row for row in result.sensitivities if row.name == "uplift agency")
    assert (row.low_setting, row.high_setting) == ("-0.10", "+0.10")


def test_sensitivities_point_the_right_way_around_the_price():
    result = value(pool(random_frame(200)), reference(), Terms(paths=1024))
    rows = {row.name: row for row in result.sensitivities}
    assert rows["buyer_irr"].low > result.price > rows["buyer_irr"].high
    assert rows["fee_share"].low > result.price > rows["fee_share"].high
    assert rows["level"].low < result.price < rows["level"].high
    assert rows["uplift agency"].low < result.price < rows["uplift agency"].high
    assert rows["age"].low == result.price > rows["age"].high
    assert rows["pool_risk"].low != rows["pool_risk"].high
    shifted = value(pool(random_frame(200)), reference(), Terms(paths=1024, buyer_irr=0.21))
    assert rows["buyer_irr"].high == pytest.approx(shifted.price, rel=1e-9)


def test_the_bridge_names_its_steps_in_order():
    result = value(pool(random_frame(200)), reference(), FEW)
    names = [name for name, _ in result.bridge]
    assert names == ["base curve", "age", "score", "balance", "costs", "discount"]
    steps = dict(result.bridge)
    assert steps["base curve"] > 0 > steps["age"]
    assert steps["costs"] < 0
    assert steps["discount"] < 0


def test_every_figure_carries_its_origin():
    loans, terms = pool(random_frame(100)), Terms(paths=512, seed=9)
    result = value(loans, reference(), terms)
    origin = result.provenance
    assert origin.calibration_hash == reference().content_hash
    assert origin.terms_hash == terms.content_hash
    assert origin.loans_hash == loans.content_hash
    assert (origin.seed, origin.paths, origin.block) == (9, 512, 256)
    assert origin.std_error == result.std_error > 0
    assert "reference, not fitted" in result.calibration
    assert any("reference, not fitted" in note for note in result.notes)


def test_chinese_reference_lands_at_published_prices():
    """Batch sales of personal loans: 6.9-9.4 % of principal, 2.65-5.8 % of claim (2022-2025)."""
    table = random_frame(3_000)
    on_principal = value(pool(table), reference(CN), FEW)
    on_claim = value(pool(table, basis="claim"), reference(CN), FEW)
    assert 0.04 <= on_principal.price / on_principal.face <= 0.09
    assert 0.026 <= on_claim.price / on_claim.face <= 0.058


def test_chinese_reference_collects_a_tenth_of_fresh_face_in_five_years():
    """Year shares 24/24/20/17/15 %; face lies between principal and claim."""
    table = random_frame(3_000, first_age=0, last_age=0).assign(months_since_payment=np.nan)
    gross = [
        value(pool(table, basis=basis), reference(CN), FEW).gross_mean
        for basis in ("principal", "claim")
    ]
    share = np.mean([flow.sum() for flow in gross]) / table["balance"].sum()
    assert 0.09 <= share <= 0.115
    years = gross[0].reshape(5, 12).sum(axis=1) / gross[0].sum()
    assert years == pytest.approx([0.24, 0.24, 0.20, 0.17, 0.15], abs=0.02)


@pytest.mark.parametrize(
    ("first_age", "last_age", "low", "high"),
    [(12, 48, 0.030, 0.050), (0, 0, 0.10, 0.16), (84, 120, 0.0, 0.010)],
)
def test_american_reference_lands_at_published_prices(first_age, last_age, low, high):
    """FTC 2013: 4.0 cents per dollar on average; fresh cards 11-16 cents, old paper below 1."""
    table = random_frame(2_000, first_age=first_age, last_age=last_age, mean_balance=3_000)
    result = value(pool(table, currency="USD", basis="claim"), reference(US), FEW)
    assert low <= result.price / result.face <= high


def test_many_loans_of_one_kind_cost_no_more_segments():
    segments = [
        value(pool(frame(count)), reference(), FEW).provenance.segments for count in (500, 20_000)
    ]
    assert segments[1] <= segments[0] + 2


def test_blocks_run_alone_equal_the_blocks_of_a_run():
    terms = Terms(paths=512)
    plan = plan_of(pool(random_frame(100)), reference(), terms)
    together, alone = simulate(plan, [0, 1])[1], simulate_block(plan, 1)
    np.testing.assert_array_equal(together.net, alone.net)
    np.testing.assert_array_equal(together.cumulants, alone.cumulants)
