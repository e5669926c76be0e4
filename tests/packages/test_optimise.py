"""The pick keeps every limit, reaches the target, and comes as near to the bound as it says."""

import itertools
import random

import numpy as np
import pytest

from npa_market.packages.optimise import Conflict, Limit, Pick, Pool, Target, pick
from npa_market.packages.splitting import balance_of, split


def pool_of(loans, seed, borrowers=None):
    rng = np.random.default_rng(seed)
    item = rng.integers(0, borrowers or loans, loans)
    item = np.unique(item, return_inverse=True)[1]
    claim = np.round(np.exp(rng.normal(8, 0.8, loans)))
    value = claim * rng.uniform(0.01, 0.1, loans)
    return Pool(item, claim, value), rng


def limits_of(rng, loans, shares=(0.3, 0.4, 0.5)):
    classes = rng.integers(0, 4, loans)
    return [Limit(f"class {n}", classes == n, share) for n, share in enumerate(shares)]


def test_every_limit_holds_borrowers_stay_whole_and_the_gap_is_small():
    seed = random.randrange(10**6)
    pool, rng = pool_of(4_000, seed, borrowers=1_700)
    limits = limits_of(rng, 4_000)
    target = Target("claim", pool.claim, pool.claim.sum() * 0.3)
    found = pick(pool, target, limits)
    assert isinstance(found, Pick), seed
    whole = pool.claim[found.chosen].sum()
    assert target.amount * 0.99 <= whole <= target.amount, seed
    for limit in limits:
        assert pool.claim[found.chosen & limit.member].sum() <= limit.share * whole, seed
    taken, left = set(pool.item[found.chosen]), set(pool.item[~found.chosen])
    assert not taken & left, seed
    assert found.value == pytest.approx(pool.value[found.chosen].sum())
    assert 0 <= found.gap <= 0.01, (seed, found.gap)


def test_no_choice_of_a_small_pool_exceeds_the_bound():
    seed = random.randrange(10**6)
    pool, rng = pool_of(12, seed)
    limits = limits_of(rng, 12, (0.6, 0.7))
    target = Target("claim", pool.claim, pool.claim.sum() * 0.5, slack=0.5)
    found = pick(pool, target, limits)
    best = 0.0
    for choice in itertools.product((False, True), repeat=12):
        x = np.array(choice)[pool.item]
        whole = pool.claim[x].sum()
        fits = target.amount * 0.5 <= whole <= target.amount
        if fits and all(pool.claim[x & e.member].sum() <= e.share * whole for e in limits):
            best = max(best, pool.value[x].sum())
    if isinstance(found, Conflict):
        assert best == 0, seed
    else:
        assert best <= found.bound * (1 + 1e-9), seed
        assert found.value <= best * (1 + 1e-9) or best == 0, seed


def test_a_count_is_reached_exactly():
    pool, _ = pool_of(500, 1)
    pool = Pool(np.arange(500), pool.claim, pool.value)
    found = pick(pool, Target("loans", np.ones(500), 120.0, slack=0.0), [])
    assert found.chosen.sum() == 120
    dearest = np.sort(pool.value)[::-1][:120].sum()
    assert found.value == pytest.approx(dearest, rel=1e-3)


def test_a_target_out_of_reach_names_the_limits_that_conflict():
    loans = 300
    claim = np.full(loans, 100.0)
    pool = Pool(np.arange(loans), claim, claim * 0.05)
    halves = np.arange(loans) < 150
    target = Target("claim", claim, claim.sum() * 0.9)
    one = pick(pool, target, [Limit("first half", halves, 0.2)])
    assert (one.alone, one.together) == (("first half",), ())
    assert one.reach == pytest.approx(150 * 100 / 0.8, rel=1e-3)
    both = pick(pool, target, [Limit("a", halves, 0.2), Limit("b", ~halves, 0.2)])
    assert isinstance(both, Conflict)
    assert set(both.together) | set(both.alone)
    more = pick(pool, Target("claim", claim, claim.sum() * 2), [Limit("x", halves, 0.9)])
    assert (more.alone, more.together) == ((), ())
    assert more.reach == pytest.approx(claim.sum())


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": Target("claim", np.ones(3), 0.0)},
        {"target": Target("claim", np.ones(2), 1.0)},
        {"limits": [Limit("x", np.ones(3, dtype=bool), 1.5)]},
        {"limits": [Limit("x", np.ones(2, dtype=bool), 0.5)]},
    ],
)
def test_wrong_input_is_refused(wrong):
    pool = Pool(np.arange(3), np.ones(3), np.ones(3))
    asked = {"target": Target("claim", np.ones(3), 2.0), "limits": []} | wrong
    with pytest.raises(ValueError, match=r"."):
        pick(pool, asked["target"], asked["limits"])


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_parts_are_level_borrowers_whole_and_every_loan_is_in_one(parts):
    seed = random.randrange(10**6)
    pool, rng = pool_of(6_000, seed, borrowers=2_500)
    stratum = rng.integers(0, 12, 6_000)
    measures = {"claim": pool.claim, "loans": np.ones(6_000), "price": pool.value}
    part = split(pool.item, stratum, measures, parts)
    assert set(part) == set(range(parts))
    of_person = {}
    for person, number in zip(pool.item, part, strict=True):
        assert of_person.setdefault(person, number) == number, seed
    balance = balance_of(part, measures, {"stratum": stratum}, parts)
    assert max(balance.spread.values()) < 0.03, (seed, balance)
    assert balance.distance["stratum"] < 0.06, (seed, balance)


def test_too_few_borrowers_make_no_parts():
    with pytest.raises(ValueError, match="cannot make"):
        split(np.zeros(5, dtype=np.int64), np.zeros(5, dtype=np.int64), {"claim": np.ones(5)}, 2)
    with pytest.raises(ValueError, match="2 to"):
        split(np.arange(5), np.zeros(5, dtype=np.int64), {"claim": np.ones(5)}, 1)
