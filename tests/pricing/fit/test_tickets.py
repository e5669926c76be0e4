import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.fit.tickets import NextStep, Ticket, cut_share, fit_next_step, fit_ticket
from pricing.history.counts import CUT_BINS, LEAST_ROOM

PRIOR = Ticket(0.1, 2.0, 0.0, 0)
NO_CUT = np.zeros((CUT_BINS, 2))


def sums(ratio, balance):
    ones = np.ones_like(ratio)
    columns = (ones, ratio, np.log(ratio), ratio * balance, balance, balance**2)
    return np.array([column.sum() for column in columns])


def cuts(room, balance):
    place = (CUT_BINS * (1 - np.log(room) / np.log(LEAST_ROOM))).astype(int)
    place = np.minimum(place, CUT_BINS - 1)
    return np.stack(
        [np.bincount(place, weights, CUT_BINS) for weights in (np.ones_like(room), balance)], axis=1
    )


def sample(mean=0.3, shape=1.5, size=20_000, seed=1):
    rng = np.random.default_rng(seed)
    return rng.gamma(shape, mean / shape, size), rng.lognormal(9, 0.5, size), rng


def test_whole_tickets_give_mean_and_shape_back():
    ratio, balance, _ = sample()
    found = fit_ticket(sums(ratio, balance), NO_CUT, PRIOR, 1.0)
    assert abs(found.mean / 0.3 - 1) < 4 * found.error
    assert found.shape == pytest.approx(1.5, rel=0.05)
    assert found.count == 20_000


def test_cut_tickets_give_the_uncut_law_back():
    """What is seen is min(ticket, room): a third of the cash is missing, the fit restores it."""
    ratio, balance, rng = sample(mean=0.5)
    room = rng.uniform(0.05, 1.0, len(ratio))
    is_cut = ratio >= room
    seen = np.minimum(ratio, room)
    found = fit_ticket(
        sums(ratio[~is_cut], balance[~is_cut]), cuts(room[is_cut], balance[is_cut]), PRIOR, 1.0
    )
    assert seen.mean() < 0.7 * 0.5
    assert found.mean == pytest.approx(0.5, rel=0.04)
    assert found.shape == pytest.approx(1.5, rel=0.06)


def test_the_mean_is_right_for_cash_where_large_loans_pay_other_shares():
    ratio = np.array([0.2, 0.2, 0.05])
    balance = np.array([100.0, 100.0, 1000.0])
    found = fit_ticket(sums(ratio, balance), NO_CUT, PRIOR, 1e-9)
    assert found.mean * balance.sum() == pytest.approx((ratio * balance).sum())


def test_without_tickets_the_law_is_the_prior():
    found = fit_ticket(np.zeros(6), NO_CUT, PRIOR, 20.0)
    assert (found.mean, found.shape) == pytest.approx((PRIOR.mean, PRIOR.shape), rel=1e-6)
    assert found.count == 0


def test_a_prior_of_n_tickets_weighs_as_much_as_n_tickets():
    found = fit_ticket(np.array([20.0, 6.0, np.nan, 600.0, 2000.0, 2e5]), NO_CUT, PRIOR, 20.0)
    assert found.mean == pytest.approx((0.3 + 0.1) / 2)
    assert found.shape == PRIOR.shape


def test_four_times_the_tickets_halve_the_error():
    ratio, balance, _ = sample()
    one = fit_ticket(sums(ratio[:5000], balance[:5000]), NO_CUT, PRIOR, 1e-9)
    four = fit_ticket(4 * sums(ratio[:5000], balance[:5000]), NO_CUT, PRIOR, 1e-9)
    assert one.error / four.error == pytest.approx(2)


def test_errors_cover_the_truth():
    far = []
    for seed in range(60):
        ratio, balance, _ = sample(size=300, seed=seed)
        found = fit_ticket(sums(ratio, balance), NO_CUT, PRIOR, 1e-9)
        far.append((found.mean / 0.3 - 1) / found.error)
    assert 0.75 < np.sqrt(np.mean(np.square(far))) < 1.3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(1e-9, 50), min_size=1, max_size=20),
    st.lists(st.floats(LEAST_ROOM, 1), max_size=20),
)
def test_any_tickets_give_a_law_the_engines_take(ratio, room):
    ratio, room = np.array(ratio), np.array(room)
    found = fit_ticket(
        sums(ratio, np.ones_like(ratio)), cuts(room, np.ones_like(room)), PRIOR, 20.0
    )
    for value in (found.mean, found.shape, found.error):
        assert 0 < value < np.inf


def test_a_full_claim_leaves_a_small_ticket_whole_and_cuts_a_large_one():
    assert cut_share(Ticket(0.01, 2.0, 0.0, 1)) == pytest.approx(1)
    assert cut_share(Ticket(2.0, 500.0, 0.0, 1)) == pytest.approx(0.5, abs=0.01)


def test_next_steps_by_hand():
    prior = NextStep(0.6, 0.1, 0.0, 0)
    step = fit_next_step((70, 5, 100), prior, 10)
    assert step.keep == pytest.approx(76 / 110)
    assert step.settle == pytest.approx(6 / 110)


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_chances_of_the_next_step_stay_below_one(stay, settle, broken):
    step = fit_next_step((stay, settle, stay + settle + broken), NextStep(0.6, 0.1, 0, 0), 20)
    assert 0 < step.keep + step.settle < 1
