import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.nodes import gauss_nodes, integer_nodes

balances = st.lists(st.floats(1, 1e6), min_size=1, max_size=200).map(np.array)


@pytest.mark.parametrize("k", [2, 3])
def test_gauss_nodes_keep_the_power_sums(k):
    balance = np.random.default_rng(1).lognormal(9, 1, 500)
    node, weight = gauss_nodes(balance, k)
    for power in range(2 * k):
        assert (weight * node**power).sum() == pytest.approx((balance**power).sum(), rel=1e-9)


def test_equal_balances_are_one_node():
    node, count = integer_nodes(np.full(50, 7.0), 2)
    assert node.tolist() == [7.0]
    assert count.tolist() == [50]


@given(balances)
def test_integer_nodes_keep_loans_and_balance(balance):
    node, count = integer_nodes(balance, 2)
    assert count.sum() == len(balance)
    assert (count > 0).all()
    assert (node * count).sum() == pytest.approx(balance.sum(), rel=1e-12)
    assert (node > 0).all()


def test_shares_weigh_the_power_sums_and_the_count():
    rng = np.random.default_rng(1)
    balance, share = rng.lognormal(9, 1, 500), rng.uniform(0.2, 2, 500)
    share *= balance.sum() / (share @ balance)
    node, weight = gauss_nodes(balance, 2, share)
    for power in range(4):
        assert (weight * node**power).sum() == pytest.approx(share @ balance**power, rel=1e-9)
    node, count = integer_nodes(balance, 2, share)
    assert count.sum() == round(share.sum())
    assert node @ count == pytest.approx(balance.sum())
