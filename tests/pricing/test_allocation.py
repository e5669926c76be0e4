import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing import PricingError
from pricing.allocation import to_minor

shares = st.lists(st.floats(0, 1e9), min_size=1, max_size=60).map(np.array)


@given(shares, st.integers(0, 10**13))
def test_rounded_shares_sum_to_the_total_and_stay_within_one_unit(parts, total):
    if parts.sum() <= 0:
        total = 0
    minor = to_minor(parts, total)
    assert minor.sum() == total
    assert (minor >= 0).all()
    if total:
        exact = parts / parts.sum() * total
        assert np.abs(minor - exact).max() < 1 + 1e-9 * total


def test_the_smallest_number_there_is_can_carry_a_total():
    assert to_minor(np.array([5e-324, 0.0]), 7).tolist() == [7, 0]


def test_the_largest_remainder_gets_the_missing_unit():
    assert to_minor(np.array([1.0, 1.0, 1.0]), 100).tolist() == [34, 33, 33]
    assert to_minor(np.array([0.4, 0.4, 1.2]), 2).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("parts", "total"),
    [([-1.0, 2.0], 1), ([0.0], 1), ([1.0], -1), ([np.nan, 1.0], 1), ([np.inf], 1)],
)
def test_shares_that_cannot_be_rounded_are_refused(parts, total):
    with pytest.raises(PricingError):
        to_minor(np.array(parts), total)
