"""Every row shown has k - 1 like it; what cannot be hidden is left out, and that is little."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npa_market.packages.anonymity import Step, anonymise, group_sizes

COLUMNS = ["city", "age", "product"]
LADDER = (Step("city"), Step("age", lambda age: age // 20 * 20), Step("age"), Step("product"))
ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(20, 60), st.sampled_from("xy")), max_size=80
)


def table(rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def shown_groups(found):
    kept = np.flatnonzero(~found.is_suppressed)
    return Counter(tuple(str(found.values[name][row]) for name in COLUMNS) for row in kept)


@given(ROWS, st.integers(1, 6), st.sampled_from([0.0, 0.02, 0.3]))
def test_every_group_shown_has_k_rows_and_few_rows_are_left_out(rows, k, share):
    found = anonymise(table(rows), COLUMNS, LADDER, smallest_group=k, most_suppressed=share)
    assert all(size >= k for size in shown_groups(found).values())
    if len(rows) >= k:
        assert found.is_suppressed.sum() <= share * len(rows)
    else:
        assert found.is_suppressed.all()


@given(ROWS)
def test_a_row_shows_its_own_value_a_wider_one_or_nothing(rows):
    found = anonymise(table(rows), COLUMNS, LADDER)
    for row, (city, age, product) in enumerate(rows):
        assert found.values["city"][row] in {city, ""}
        assert found.values["age"][row] in {age, age // 20 * 20, ""}
        assert found.values["product"][row] in {product, ""}
        lost = [found.given_up[name][row] for name in COLUMNS]
        assert lost == [found.values[name][row] == "" for name in COLUMNS]


def test_large_groups_keep_everything():
    found = anonymise(table([("a", 30, "x")] * 5 + [("b", 41, "x")] * 5), COLUMNS, LADDER)
    assert not found.is_generalised.any()
    assert list(found.values["age"]) == [30] * 5 + [41] * 5


def test_detail_is_given_up_in_the_order_of_the_ladder():
    found = anonymise(table([("a", 30, "x")] * 3 + [("b", 30, "x")] * 3), COLUMNS, LADDER)
    assert set(found.values["city"]) == {""}
    assert set(found.values["age"]) == {30}
    wider = anonymise(table([("a", 30, "x")] * 3 + [("b", 31, "x")] * 3), COLUMNS, LADDER)
    assert set(wider.values["age"]) == {20}


@pytest.mark.parametrize(("others", "suppressed"), [(49, 0), (50, 1)])
def test_one_row_of_fifty_one_may_be_left_out_and_of_fifty_not(others, suppressed):
    """1 of 50 is the limit of 2 %: with 49 others it is above, so five more lose everything."""
    rows = [("a", 30, "x")] * others + [("b", 55, "y")]
    found = anonymise(table(rows), COLUMNS, LADDER, most_suppressed=0.0199)
    assert found.is_suppressed.sum() == suppressed
    if not suppressed:
        assert (found.values["product"] == "").all()


def test_missing_values_are_a_group_of_nothing():
    found = anonymise(pd.DataFrame({"age": [None] * 5}), ["age"], (Step("age"),))
    assert found.given_up["age"].all()
    assert not found.is_suppressed.any()


def test_a_ladder_that_keeps_something_and_senseless_limits_are_refused():
    with pytest.raises(ValueError, match="ladder"):
        anonymise(table([]), COLUMNS, LADDER[:2])
    for limits in ({"smallest_group": 0}, {"most_suppressed": 1.1}):
        with pytest.raises(ValueError, match="ladder"):
            anonymise(table([]), COLUMNS, LADDER, **limits)


def test_many_columns_do_not_overflow():
    codes = [np.arange(1000) * 10**15 for _ in range(9)]
    assert (group_sizes(codes, np.arange(1000)) == 1).all()


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.integers(20, 60), st.sampled_from("xy"), st.integers(0, 30)
    ),
    max_size=80,
)


@settings(max_examples=50, deadline=None)
@given(PEOPLE, st.integers(1, 6), st.sampled_from([0.0, 0.02, 0.3]))
def test_joined_on_the_person_every_row_still_has_k_persons_like_it(rows, k, share):
    """What one row of a person shows counts for all of them, as it does for who joins them."""
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "person"])
    found = anonymise(
        frame,
        COLUMNS,
        LADDER,
        person="person",
        of_person=["city", "age"],
        smallest_group=k,
        most_suppressed=share,
    )
    shown = pd.DataFrame(dict(found.values)).assign(person=frame["person"])[~found.is_suppressed]
    for name in ("city", "age"):
        joined = shown.groupby("person")[name].agg(
            lambda values: "".join(sorted(map(str, {*values})))
        )
        assert (shown["person"].map(joined) == shown[name].map(str)).all()
    groups = shown.groupby(COLUMNS)["person"].nunique()
    assert (groups >= k).all()
    if frame["person"].nunique() >= k:
        assert found.is_suppressed.sum() <= share * len(rows)
    else:
        assert found.is_suppressed.all()


def persons(rows, **limits):
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "person"])
    return anonymise(frame, COLUMNS, LADDER, person="person", of_person=["city", "age"], **limits)


def test_five_loans_of_one_person_are_not_five_people():
    rows = [("a", 30, "x", 0)] * 5 + [("b", 30, "x", number) for number in range(1, 6)]
    assert set(persons(rows).values["city"][:5]) == {""}


def test_what_one_loan_gives_up_the_persons_other_loans_do_not_tell():
    common = [("a", 30, "x", number) for number in range(6)]
    rare = [("a", 30, "y", 0)]
    found = persons(common + rare, most_suppressed=0.3)
    assert found.is_suppressed.tolist() == [True, *[False] * 5, True]
    found = persons(common + rare, most_suppressed=0)
    assert found.values["city"][0] == "", "their city is not read off the common loan"


def test_a_large_group_that_others_left_is_generalised_as_they_were():
    """Person 0 leaves the five of city a for the sake of another loan; the four left follow."""
    rows = [("a", 30, "x", number) for number in range(5)]
    rows += [("a", 30, "y", number) for number in (0, 6, 7, 8)] + [("c", 30, "y", 9)]
    found = persons(rows)
    assert set(found.values["city"]) == {""}
    assert set(found.values["age"]) == {30}


def test_two_answers_of_one_person_are_none():
    rows = [("a", 30, "x", number) for number in range(6)] + [("b", 30, "x", 0)]
    rows += [(None, 30, "x", number) for number in range(6, 10)]
    found = persons(rows)
    assert found.values["city"].tolist() == ["", *["a"] * 5, *[""] * 5]
