"""The bidder's form: months instead of days, no small groups of look-alike people."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.packages.disclosure import SMALLEST_GROUP, bidder_form
from tests.packages.test_stratify import frame_of

KEYS = ["age_band", "sex", "province", "city_tier", "product"]


def group_sizes(frame):
    dates = frame["default_date"].dt
    quarter = (dates.year * 4 + dates.quarter).fillna(0)
    borrowers = frame.groupby([*[frame[key] for key in KEYS], quarter])["borrower_token"]
    return borrowers.transform("nunique")


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(0, 120), seed=st.integers(0, 2**32 - 1))
def test_every_row_shown_has_four_other_borrowers_like_it_and_the_rest_is_counted_with_its_money(
    rows, seed
):
    frame = frame_of(rows, seed)
    form = bidder_form(frame)
    assert rows == 0 or (group_sizes(form.frame) >= SMALLEST_GROUP).all()
    of_borrower = form.frame.groupby("borrower_token")[KEYS[:-1]].nunique()
    assert (of_borrower == 1).to_numpy().all(), "no loan tells what another gave up"
    assert len(form.frame) + form.suppressed == rows
    few = frame["borrower_token"].nunique() < SMALLEST_GROUP
    assert form.suppressed <= 0.02 * rows or few
    left = frame[~frame["loan_token"].isin(form.frame["loan_token"])]
    assert form.suppressed_principal_minor == left["principal_minor"].sum()
    assert form.suppressed_claim_minor == left["claim_minor"].sum()


def alike(rows):
    frame = frame_of(rows, 3)
    for key in KEYS:
        frame[key] = "same"
    frame["default_date"] = pd.Timestamp("2025-05-17")
    frame["borrower_token"] = frame["loan_token"]
    return frame


@pytest.mark.parametrize(("rows", "touched"), [(SMALLEST_GROUP, 0), (SMALLEST_GROUP - 1, 4)])
def test_a_group_of_five_keeps_what_a_group_of_four_loses(rows, touched):
    form = bidder_form(alike(rows))
    assert form.generalised + form.suppressed == touched
    assert (form.frame["product"] == "same").sum() == rows - touched


def test_one_differing_attribute_is_given_up_and_the_rest_stays():
    frame = alike(10)
    frame.loc[[0, 1], "city_tier"] = "tier_1"
    frame.loc[range(2, 10), "city_tier"] = ["tier_2"] * 4 + [""] * 4
    form = bidder_form(frame)
    assert (form.frame["city_tier"] == "").all()
    assert (form.frame["age_band"] == "same").all()
    assert form.suppressed == 0


def test_dates_and_days_overdue_do_not_tell_the_day():
    frame = alike(10)
    frame["days_overdue"] = pd.array([419] * 10, dtype="Int32")
    shown = bidder_form(frame).frame
    assert (shown["default_date"] == pd.Timestamp("2025-05-01")).all()
    assert (shown["days_overdue"] == 390).all()
    assert (frame["days_overdue"] == 419).all(), "the frame given stays as it is"
