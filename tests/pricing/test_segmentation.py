import numpy as np
import pytest

from pricing.segmentation import LEAST_PAYERS, MOST_SEGMENTS, SMALL_POOL, Traits, segments_of


def traits(loans, seed=1, families=2, **changes):
    rng = np.random.default_rng(seed)
    plain = {
        "family": rng.integers(0, families, loans),
        "age": rng.integers(0, 90, loans),
        "score": rng.normal(0, 0.6, loans),
        "paying": np.where(rng.random(loans) < 0.1, 0.5, 0.0),
        "balance": rng.lognormal(9, 1, loans),
        "expected": rng.uniform(0.1, 0.5, loans),
    }
    return Traits(**(plain | changes))


@pytest.mark.parametrize("loans", [1, SMALL_POOL])
def test_in_a_small_pool_each_loan_is_its_own_segment(loans):
    assert segments_of(traits(loans)).tolist() == list(range(loans))


@pytest.mark.parametrize("loans", [SMALL_POOL + 1, 1_000, 50_000])
def test_segments_are_pure_in_family_numbered_without_gaps_and_not_too_many(loans):
    pool = traits(loans)
    segment = segments_of(pool)
    assert set(segment) == set(range(segment.max() + 1))
    giants = (pool.balance > 0.05 * pool.balance.sum()).sum()
    assert segment.max() < MOST_SEGMENTS + 2 + giants
    for number in range(segment.max() + 1):
        assert len(set(pool.family[segment == number])) == 1


def test_segments_have_enough_payers_once_the_family_has():
    pool = traits(5_000)
    payers = np.bincount(segments_of(pool), pool.expected)
    assert payers.min() >= LEAST_PAYERS


def test_a_giant_loan_is_never_averaged_with_others():
    balance = np.full(1_000, 100.0)
    balance[17] = 10_000.0
    segment = segments_of(traits(1_000, balance=balance))
    assert (segment == segment[17]).sum() == 1


def test_the_order_of_the_loans_does_not_change_who_is_together():
    pool = traits(3_000)
    order = np.random.default_rng(5).permutation(3_000)
    shuffled = Traits(**{name: getattr(pool, name)[order] for name in pool.__dataclass_fields__})
    before, after = segments_of(pool)[order], segments_of(shuffled)
    assert len(set(zip(before, after, strict=True))) == before.max() + 1
