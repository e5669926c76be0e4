import numpy as np
import pytest

from pricing.cap import capped
from pricing.moments import Chain

MONTHS = 60


def chain(instalment=0.08, lump=0.65, odds=0.02, keep=0.66, settle=0.03):
    return Chain(
        odds=np.full((2, MONTHS), odds),
        keep=np.full(2, keep),
        settle=np.full(2, settle),
        payers=np.zeros(2),
        instalment=np.tile((instalment, 1.5), (2, MONTHS, 1)),
        lump=np.tile((lump, 6.0), (2, MONTHS, 1)),
        level_tilt=np.zeros(2),
        ticket_tilt=np.zeros(2),
    )


def cut(one):
    return capped(one, np.array([0, 0]), np.array([1.0, 3.0]), 0.2)


def test_small_tickets_are_left_alone():
    small = chain(instalment=0.001, lump=0.05)
    np.testing.assert_allclose(cut(small).instalment, small.instalment, rtol=1e-9)
    np.testing.assert_allclose(cut(small).lump, small.lump, rtol=1e-6)


def test_large_tickets_shrink_more_the_later_they_come():
    before, after = chain(), cut(chain())
    for kind in ("instalment", "lump"):
        means = getattr(after, kind)[0, :, 0]
        assert (np.diff(means) <= 1e-15).all()
        assert means[-1] < getattr(before, kind)[0, 0, 0]
    assert after.lump[0, -1, 1] > before.lump[0, -1, 1]  # the cut takes the upper tail


def test_nobody_pays_more_than_the_claim_on_average():
    greedy = cut(chain(instalment=0.9, lump=1.0, odds=5.0, keep=0.9, settle=0.05))
    paying = np.zeros(2)
    dormant, paid = np.ones(2), np.zeros(2)
    for month in range(MONTHS):
        started = dormant * 5 / 6
        paid += 0.05 * paying * greedy.lump[:, month, 0]
        dormant = dormant - started + 0.05 * paying
        paying = 0.9 * paying + started
        paid += paying * greedy.instalment[:, month, 0]
    assert paid.max() <= 1.02


def test_segments_of_one_product_share_one_cut():
    after = cut(chain())
    np.testing.assert_array_equal(after.lump[0], after.lump[1])


@pytest.mark.parametrize("odds", [0.0, 1e-12])
def test_a_curve_nobody_pays_on_is_no_problem(odds):
    after = cut(chain(odds=odds))
    assert np.isfinite(after.instalment).all()
    assert np.isfinite(after.lump).all()


def test_the_claim_holds_back_more_where_more_is_asked():
    loose, tight = cut(chain(instalment=0.001, lump=0.05)), cut(chain())
    assert loose.level_tilt == pytest.approx(0, abs=1e-9)
    assert loose.ticket_tilt == pytest.approx(0, abs=1e-6)
    assert 0 < tight.level_tilt[0] < tight.ticket_tilt[0] < 1
