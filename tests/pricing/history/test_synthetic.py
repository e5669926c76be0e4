from dataclasses import replace

import numpy as np
import pytest

from pricing.history.synthetic import FIRST_YEAR, Deals, as_truth, synthetic_history
from tests.pricing.builders import reference

SMALL = Deals(deals=4, loans=400, every_months=6, months=24)


@pytest.fixture(scope="module")
def drawn():
    return synthetic_history(as_truth(reference()), SMALL, seed=3)


def test_equal_seeds_draw_equal_tables(drawn):
    again = synthetic_history(as_truth(reference()), SMALL, seed=3)
    assert again.payments.equals(drawn.payments)
    assert again.loans.equals(drawn.loans)


def test_nobody_pays_more_than_he_owes_or_after_closing(drawn):
    paid = drawn.payments.groupby("loan_id")["cash"].sum()
    owed = drawn.loans.set_index("loan_id")["balance"].loc[paid.index]
    assert (paid <= owed + 1e-6).all()
    last = drawn.payments.groupby("loan_id")["is_last"].last()
    assert drawn.payments["is_last"].sum() == last.sum()


def test_what_is_known_at_an_origin_holds_nothing_later(drawn):
    payments, loans = drawn.known_at(15)
    assert payments["month"].max() <= 15
    assert set(loans["deal"]) == {0, 1, 2}
    assert drawn.history(15).cash.sum() == pytest.approx(payments["cash"].sum())


def test_past_and_future_cash_of_a_deal_add_up(drawn):
    deal, origin = 1, 18
    own = drawn.own_history(deal, origin).cash.sum()
    later = drawn.cash_after(deal, origin, drawn.last_month - origin).sum()
    mine = drawn.loans.loc[drawn.loans["deal"] == deal, "loan_id"]
    total = drawn.payments.loc[drawn.payments["loan_id"].isin(mine), "cash"].sum()
    assert own + later == pytest.approx(total)


def test_a_pool_holds_the_open_loans_with_their_own_age_and_last_payment(drawn):
    pool = drawn.pool(0, 12)
    closed = drawn.payments.loc[drawn.payments["is_last"] & (drawn.payments["month"] <= 12)]
    assert len(pool) == 400 - (closed["loan_id"] < 400).sum()
    assert (pool.age_months == 12).all()
    owed = drawn.loans["balance"].to_numpy()[pool.loan_id.astype(int)]
    assert pool.owed_at_charge_off == pytest.approx(owed)
    assert (pool.balance > 0).all()
    has_paid = ~np.isnan(pool.months_since_payment)
    assert (pool.paid_before[has_paid] > 0).all()
    assert (pool.paid_before[~has_paid] == 0).all()
    since = pool.months_since_payment
    assert np.nanmin(since) == 0
    assert np.isnan(since).any()


def test_what_can_be_known_of_the_calendar_ends_at_the_origin(drawn):
    law = drawn.law_at(18)
    assert law.calendar.last_month == FIRST_YEAR * 12 + 18
    assert law.calendar.ratio == tuple(drawn.macro[1:19])
    assert replace(law, calendar=None) == drawn.truth
    assert drawn.law_at(0) == drawn.truth


def test_a_deal_without_a_payment_yet_has_a_history(drawn):
    own = drawn.own_history(3, 19)
    assert own.loans == 400
    assert own.ages == 1
