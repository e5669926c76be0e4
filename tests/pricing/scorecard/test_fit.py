import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.linear_model import LogisticRegression

from pricing.errors import BadColumn, EmptyPool, MissingColumn, PricingError
from pricing.scorecard import Design, Scorecard, fit_scorecard, score_frame
from pricing.scorecard.binning import BinRules, evidence, monotone_edges
from pricing.scorecard.card import BadScorecard
from pricing.scorecard.measures import gini
from pricing.scorecard.score import scored_table
from tests.pricing.scorecard.builders import sample

DESIGN = Design(target="paid", ignore=("loan_id", "quarter"))


@pytest.fixture(scope="module")
def card():
    return fit_scorecard(sample(), DESIGN)


def line(card, name):
    return next(one for one in card.characteristics if one.name == name)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(200, 2_000), st.sampled_from([0.0, 0.3, -1.0, 3.0]))
def test_evidence_is_monotone_and_every_bin_is_large_enough(seed, rows, slope):
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=rows), 1)
    y = (rng.random(rows) < special.expit(slope * values - 0.5)).astype(float)
    rules = BinRules(least_count=40)
    edges = monotone_edges(values, y, rules, rows)
    place = np.searchsorted(edges, values, side="left")
    count, paid = np.bincount(place), np.bincount(place, y)
    assert count.min() >= rules.least(rows)
    assert len(count) <= rules.most_bins
    rate = np.diff(paid / count)
    assert (rate >= 0).all() or (rate <= 0).all()
    assert len(count) == len(edges) + 1


def test_evidence_is_the_log_ratio_of_shares():
    found = evidence(np.array([1e6, 3e6]), np.array([2e6, 2e6]), (4e6, 4e6))
    assert found == pytest.approx([np.log(0.25 / 0.5), np.log(0.75 / 0.5)], abs=1e-6)


def test_missing_and_special_values_have_bins_of_their_own():
    table = sample()
    table.loc[:299, "balance"] = -1.0
    design = replace(DESIGN, specials={"balance": (-1.0, -9.0)})
    balance = line(fit_scorecard(table, design), "balance")
    labels = [one.label for one in balance.bins]
    assert labels[-3:] == ["-9", "-1", "(missing)"]
    assert balance.bins[-2].rows == 300
    assert balance.bins[-3].evidence == balance.bins[-1].evidence == 0  # too few rows to speak
    months = line(fit_scorecard(table, design), "months_since_payment")
    assert months.bins[-1].rows == int(table["months_since_payment"].isna().sum())
    assert months.bins[-1].evidence < 0


def test_the_card_is_scikit_learns_logistic_on_the_evidence(card):
    table = sample()
    evidences = []
    for one in card.characteristics:
        alone = replace(card, characteristics=(replace(one, slope=1.0),), intercept=0.0)
        evidences.append(score_frame(alone, table).log_odds)
    x = np.stack(evidences, axis=1)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x, table["paid"])
    slopes = [one.slope for one in card.characteristics]
    assert slopes == pytest.approx(theirs.coef_[0], abs=1e-5)
    assert card.intercept == pytest.approx(theirs.intercept_[0], abs=1e-5)


def test_the_card_ranks_nearly_as_well_as_the_truth_on_loans_it_has_not_seen(card):
    fresh = sample(20_000, seed=9)
    months = fresh["months_since_payment"].fillna(50)
    truth = -0.04 * months + 0.8 * fresh["reachable"]
    truth += 0.5 * (fresh["litigation_status"] == "judged") - 0.2 * np.log(fresh["balance"])
    y = fresh["paid"].to_numpy(float)
    best = gini(truth.to_numpy(float), y)
    assert 0.93 * best < gini(score_frame(card, fresh).log_odds, y) <= best


def test_columns_without_information_are_left_out_and_noted(card):
    assert "noise" not in [one.name for one in card.characteristics]
    assert any(note.startswith("noise: left out") for note in card.notes)


def test_noise_is_kept_out_of_nearly_every_card():
    table = sample(2_000)
    rng = np.random.default_rng(8)
    for number in range(60):
        table[f"noise{number}"] = rng.normal(size=len(table))
    kept = [one.name for one in fit_scorecard(table, DESIGN).characteristics]
    assert sum(name.startswith("noise") for name in kept) <= 2


def test_a_column_that_says_the_same_backwards_is_left_out():
    table = sample()
    rng = np.random.default_rng(4)
    table["twin"] = table["months_since_payment"].fillna(50) + rng.normal(0, 3, len(table))
    card = fit_scorecard(table, DESIGN)
    assert min(one.slope for one in card.characteristics) >= 0


def test_points_double_the_odds_every_twenty_and_stay_near_the_exact_score(card):
    scored = score_frame(card, sample())
    exact = np.array([card.score_of(one) for one in scored.log_odds])
    assert np.abs(exact - scored.points).max() <= 0.5 * len(card.characteristics)
    assert card.score_of(0.0) == 600
    assert card.score_of(np.log(2)) == pytest.approx(620)
    assert scored.chance == pytest.approx(special.expit(scored.log_odds))


def test_reasons_are_the_largest_losses_against_the_best_bin(card):
    table = sample(500, seed=5)
    scored = score_frame(card, table)
    best = sum(max(one.points for one in each.bins) for each in card.characteristics)
    assert (scored.points + scored.lost.sum(axis=1) == best).all()
    ranked = np.take_along_axis(scored.lost, np.maximum(scored.reasons, 0), axis=1)
    given_up = np.where(scored.reasons >= 0, ranked, 0)
    assert (np.diff(given_up, axis=1) <= 0).all()
    assert (given_up[:, 0] == scored.lost.max(axis=1)).all()
    first = scored_table(card, table).iloc[0]
    assert first["loan_id"] == "L0"
    assert first["points_lost_1"] == given_up[0, 0]


def test_names_the_sample_did_not_have_take_the_bin_of_others(card):
    stage = line(card, "litigation_status")
    assert stage.bins[-1].label == "(other)"
    table = sample(1).assign(litigation_status="new stage")
    assert stage.bins[-1].points == stage.bins[-2].points  # nobody there: no evidence
    assert np.isfinite(score_frame(card, table).chance).all()


def test_rare_names_are_never_written_into_the_document():
    table = sample()
    table["employer"] = [f"Person {n}" if n % 40 == 0 else "mill" for n in range(len(table))]
    table["address"] = [f"Street {n}" for n in range(len(table))]
    text = fit_scorecard(table, DESIGN).to_json()
    assert "Person" not in text
    assert "Street" not in text
    assert "address: left out" in text


def test_later_rows_are_held_back_and_no_quarter_is_split():
    table = sample()
    card = fit_scorecard(table, replace(DESIGN, ignore=("loan_id",), time="quarter"))
    early, late = (card.diagnostics[name]["rows"] for name in ("development", "held_back"))
    assert early + late == len(table)
    assert card.rows == early
    assert early in table.groupby("quarter").size().cumsum().to_numpy()
    assert card.diagnostics["held_back"]["psi"] < 0.1
    assert card.diagnostics["held_back"]["calibration_slope"] == pytest.approx(1, abs=0.35)
    shifted = table.assign(balance=table["balance"] * np.where(table["quarter"] > 8, 30, 1))
    moved = fit_scorecard(shifted, replace(DESIGN, ignore=("loan_id",), time="quarter"))
    psi = [one.diagnostics["held_back"]["psi"] for one in (card, moved)]
    assert psi[1] > psi[0]


def test_development_measures_belong_to_the_card(card):
    found = card.diagnostics["development"]
    assert found["expected_payers"] == pytest.approx(found["payers"], rel=1e-6)
    assert found["calibration_slope"] == pytest.approx(1, abs=0.02)
    assert found["deciles"][0]["lift"] > 1.5 > 1 > found["deciles"][-1]["lift"]


def test_a_card_comes_back_from_its_document_and_a_changed_one_is_refused(card):
    again = Scorecard.from_json(card.to_json())
    assert again == card
    assert again.content_hash == card.content_hash
    document = json.loads(card.to_json())
    document["intercept"] += 0.1
    with pytest.raises(BadScorecard, match="changed"):
        Scorecard.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"content_hash": "a"}', "null"])
def test_what_is_no_card_is_refused(text):
    with pytest.raises(BadScorecard):
        Scorecard.from_json(text)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda t: t.iloc[:0], EmptyPool, "no row"),
        (lambda t: t.drop(columns="paid"), MissingColumn, "paid"),
        (lambda t: t.assign(paid=0), PricingError, "each class"),
        (lambda t: t.assign(paid=[2, *t["paid"][1:]]), BadColumn, "row 1"),
        (lambda t: t.assign(paid=[np.nan, *t["paid"][1:]]), BadColumn, "row 1"),
        (lambda t: t.assign(paid=["yes", *t["paid"][1:]]), BadColumn, "row 1"),
        (lambda t: t.assign(balance=[np.inf, *t["balance"][1:]]), BadColumn, "row 1"),
        (lambda t: t[["loan_id", "noise", "paid"]], PricingError, "no column tells"),
        (lambda t: t.set_axis([*t.columns[:-2], "balance", "paid"], axis=1), BadColumn, "twice"),
    ],
)
def test_a_bad_sample_is_refused_by_name(change, error, words):
    with pytest.raises(error, match=words):
        fit_scorecard(change(sample(400)), DESIGN)


def test_features_and_time_are_looked_up_by_name():
    with pytest.raises(MissingColumn, match="wealth"):
        fit_scorecard(sample(400), replace(DESIGN, features=("wealth",)))
    with pytest.raises(PricingError, match="target"):
        fit_scorecard(sample(400), replace(DESIGN, features=("paid",)))
    with pytest.raises(MissingColumn, match="month"):
        fit_scorecard(sample(400), replace(DESIGN, time="month"))
    with pytest.raises(PricingError, match="two times"):
        fit_scorecard(sample(400).assign(quarter=1), replace(DESIGN, time="quarter"))


def test_a_table_to_score_is_checked_like_a_sample(card):
    with pytest.raises(EmptyPool):
        score_frame(card, sample(1).iloc[:0])
    with pytest.raises(MissingColumn, match="balance"):
        score_frame(card, sample(5).drop(columns="balance"))
    table = sample(3)
    table["balance"] = ["1", "wealthy", "2"]
    with pytest.raises(BadColumn, match="row 2") as refusal:
        score_frame(card, table)
    assert "wealthy" not in str(refusal.value)
