import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn.metrics import roc_auc_score

from pricing.errors import PricingError
from pricing.scorecard.measures import (
    auc,
    calibration_line,
    decile_table,
    gini,
    ks_distance,
    score_counts,
    stability_index,
)

marks = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(y for _, y in rows) < len(rows)
)


@given(marks)
def test_the_area_is_that_of_scikit_learn_ties_and_all(rows):
    score, y = (np.array(column, float) for column in zip(*rows, strict=True))
    assert auc(score, y) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


@pytest.mark.parametrize(
    ("score", "expected"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], -1.0), ([5, 5, 5, 5], 0.0)]
)
def test_gini_of_perfect_reversed_and_no_ranking(score, expected):
    assert gini(np.array(score, float), np.array([0.0, 0.0, 1.0, 1.0])) == expected


def test_ks_is_the_largest_gap():
    score = np.array([1.0, 2.0, 3.0, 4.0])
    assert ks_distance(score, np.array([0.0, 1.0, 0.0, 1.0])) == pytest.approx(0.5)
    assert ks_distance(score, np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(1.0)


def test_stability_of_equal_counts_is_zero_and_of_moved_ones_the_sum():
    assert stability_index(np.array([10.0, 30.0]), np.array([20.0, 60.0])) == pytest.approx(0)
    by_hand = (0.5 - 0.25) * np.log(0.5 / 0.25) + (0.5 - 0.75) * np.log(0.5 / 0.75)
    moved = stability_index(np.array([25.0, 75.0]), np.array([50.0, 50.0]))
    assert moved == pytest.approx(by_hand)
    assert np.isfinite(stability_index(np.array([0.0, 5.0]), np.array([5.0, 0.0])))


def test_true_log_odds_have_slope_one_and_stretched_ones_less():
    rng = np.random.default_rng(2)
    log_odds = rng.normal(-1, 1, 40_000)
    y = (rng.random(40_000) < special.expit(log_odds)).astype(float)
    intercept, slope = calibration_line(log_odds, y)
    assert (intercept, slope) == (pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.05))
    assert calibration_line(2 * log_odds, y)[1] == pytest.approx(slope / 2, rel=1e-6)


def test_deciles_add_up_and_equal_scores_have_no_lift():
    rng = np.random.default_rng(3)
    score, y = rng.normal(size=1_005), (rng.random(1_005) < 0.2).astype(float)
    table = decile_table(score, y)
    assert sum(row.loans for row in table) == 1_005
    assert table[-1].caught == pytest.approx(1)
    assert sum(row.rate * row.loans for row in table) == pytest.approx(y.sum())
    assert [row.lift for row in decile_table(np.zeros(1_005), y)] == pytest.approx([1] * 10)
    perfect = decile_table(y, y)
    assert perfect[0].lift == pytest.approx(1_005 / y.sum())


def test_bands_count_every_score_once():
    assert score_counts(np.array([0.0, 1.0, 1.5, 9.0]), np.array([1.0, 2.0])).tolist() == [1, 2, 1]


@pytest.mark.parametrize("measure", [auc, gini, ks_distance, decile_table])
def test_one_class_cannot_be_ranked(measure):
    with pytest.raises(PricingError):
        measure(np.arange(4.0), np.zeros(4))


def test_an_empty_count_has_no_stability():
    with pytest.raises(PricingError, match="non-empty"):
        stability_index(np.zeros(2), np.ones(2))
