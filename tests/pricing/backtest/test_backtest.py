import json
from dataclasses import replace

import numpy as np
import pytest

from pricing.__main__ import REFUSED, main
from pricing.backtest.forecasts import METHODS, MODEL, ODP, Known, chances_to_pay, model_plan
from pricing.backtest.market import AS_DRAWN, TWISTS, part_of, target_of
from pricing.backtest.report import lines, summary
from pricing.backtest.run import OWN_MONTHS, Setting, replicate
from pricing.fit import calibrate
from pricing.history.synthetic import synthetic_history

SMALL = Setting(replications=1, seed=4, loans=300, origins=1, horizon=12, first=12)


@pytest.fixture(scope="module")
def market():
    return synthetic_history(SMALL.truth, SMALL.deals, seed=4)


@pytest.fixture(scope="module")
def replication():
    return replicate(SMALL, 0)


@pytest.fixture(scope="module")
def report(replication):
    return summary(SMALL, [replication, replication])


def test_only_what_was_known_at_the_origin_is_used(market):
    """Everything after the origin is wiped out: the fit and the forecast stay the same."""
    origin = SMALL.months[0]
    late = market.payments["month"] > origin
    blind = replace(market, payments=market.payments[~late])
    fits = [calibrate(one.history(origin), name="x") for one in (market, blind)]
    assert fits[0].content_hash == fits[1].content_hash
    deal = (origin - 6) // 3
    targets = [target_of(one, deal, origin, SMALL.horizon) for one in (market, blind)]
    assert targets[0].loans.content_hash == targets[1].loans.content_hash
    own = [one.own_history(deal, origin).content_hash for one in (market, blind)]
    assert own[0] == own[1]
    assert targets[0].paid(targets[0].future).sum() > 0 == targets[1].paid(targets[1].future).sum()


@pytest.mark.parametrize("own_months", OWN_MONTHS)
def test_a_target_is_the_deal_and_its_cash_of_the_horizon(market, own_months):
    origin = SMALL.months[0]
    deal = (origin - own_months) // 3
    target = target_of(market, deal, origin, SMALL.horizon)
    assert target.own_months == own_months
    assert (target.loans.age_months == own_months).all()
    cash = market.cash_after(deal, origin, SMALL.horizon).sum()
    assert target.paid(target.future).sum() == pytest.approx(cash)
    assert target.sold_share(target.future) == 1


def test_triangles_hold_the_history_by_quarter(market):
    history = market.history(SMALL.months[0])
    known = Known(history, calibrate(history, name="x"), SMALL.horizon)
    cohorts = len(history.cohorts)
    assert known.triangle.shape == (cohorts, history.ages // 3)
    assert np.isfinite(known.triangle).sum(axis=1).tolist() == list(range(cohorts, 0, -1))
    assert np.nansum(known.triangle) == pytest.approx(history.cash.sum())
    assert known.owed.sum() == pytest.approx(market.loans["balance"][: cohorts * 300].sum())


@pytest.mark.parametrize("case", TWISTS)
def test_a_changed_world_pays_less_or_more_unevenly(market, case):
    origin, rng = SMALL.months[0], np.random.default_rng(1)
    target = target_of(market, origin // 3, origin, SMALL.horizon)
    future = TWISTS[case](target, rng)
    before, after = target.paid(target.future), target.paid(future)
    assert (after <= target.loans.balance * (1 + 1e-9)).all()
    if case == "doubled ticket tail":
        assert not np.array_equal(before, after)
    else:
        assert after.sum() < before.sum()
    assert future.withheld.any() == (case == "cherry-picking")


def test_a_part_of_a_pool_is_a_pool(market):
    target = target_of(market, 2, SMALL.months[0], SMALL.horizon)
    kept = np.arange(len(target.loans)) % 2 == 0
    part = part_of(target.loans, kept)
    assert len(part) == kept.sum()
    assert part.loan_id.tolist() == target.loans.loan_id[kept].tolist()


def test_every_method_forecasts_every_task_and_the_changed_worlds(replication):
    drawn = [one for one in replication.records if one.case == AS_DRAWN]
    assert {(one.method, one.own_months) for one in drawn} == {
        (method, own) for method in METHODS for own in OWN_MONTHS
    }
    changed = [one for one in replication.records if one.case != AS_DRAWN]
    assert {(one.case, one.method) for one in changed} == {
        (case, method) for case in TWISTS for method in (MODEL, ODP)
    }
    for one in replication.records:
        assert one.crps >= 0
        assert one.pinball >= 0
        assert 0 <= one.place <= 1
        assert 0 < one.mean < 1
        assert one.outcome >= 0


def test_a_replication_is_a_function_of_its_number(replication):
    again = replicate(SMALL, 0)
    assert again.records == replication.records
    np.testing.assert_array_equal(again.chance, replication.chance)
    assert replicate(SMALL, 1).records != replication.records


def test_chances_to_pay_add_up_to_the_loans_that_pay(market):
    """The truth's own chances on deals without risk: expected and observed payers agree."""
    calm = replace(SMALL, loans=4_000, pool_sd=0.0, group_sd=0.0, macro_sd=0.0, amount_sd=0.0)
    drawn = synthetic_history(calm.truth, replace(calm.deals, deals=3, months=18), seed=1)
    for deal, origin in ((2, 6), (0, 6)):
        target = target_of(drawn, deal, origin, 12)
        chance = chances_to_pay(model_plan(target, calm.truth, 12, 1))
        paid = (target.paid(target.future) > 0).sum()
        assert abs(chance.sum() - paid) < 4 * np.sqrt((chance * (1 - chance)).sum())


def test_the_report_states_every_limit_and_whether_it_holds(report):
    names = [limit["name"] for limit in report["limits"]]
    assert len(names) == 4
    assert report["is_within"] == all(limit["holds"] for limit in report["limits"])
    text = "\n".join(lines(report))
    for word in (*METHODS, *TWISTS, "new pool", "12 months of own payments", "AUC", *names):
        assert word in text
    json.dumps(report, allow_nan=False)
    assert sum(report["methods"][MODEL]["all"]["pit"]) == 2 * len(OWN_MONTHS)


def test_limits_hold_on_both_sides(report):
    for limit in report["limits"]:
        low, high = limit["least"], limit["most"]
        inside = (low is None or limit["value"] >= low) and (high is None or limit["value"] <= high)
        assert limit["holds"] == inside


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("replications", 0, "from 1"),
        ("loans", 50, "from 100"),
        ("horizon", 7, "quarters"),
        ("horizon", 60, "chain ladder"),
        ("pool-sd", 2.0, "0 to 1"),
        ("pool-sd", "nan", "0 to 1"),
        ("workers", 0, "from 1"),
    ],
)
def test_a_setting_that_cannot_run_is_refused(name, value, words, capsys):
    assert main(["backtest", f"--{name}", str(value)]) == REFUSED
    assert words in capsys.readouterr().err


def test_the_command_prints_json_a_table_and_its_verdict(capsys):
    options = {"replications": 1, "loans": 300, "origins": 1, "horizon": 12, "first": 12,
               "seed": 4, "workers": 1}  # fmt: skip
    arguments = [text for key, arg in options.items() for text in (f"--{key}", str(arg))]
    outcome = main(["backtest", *arguments])
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert outcome == (0 if report["is_within"] else 1)
    assert "ODP bootstrap" in printed.err
