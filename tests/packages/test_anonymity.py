"""Every row shown has k - 1 like it; what cannot be hidden is left out, and that is little."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
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
    assert (group_sizes(codes) == 1).all()
