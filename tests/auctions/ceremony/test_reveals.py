"""Holders who stay away: bidders open their own envelopes, a day later, together."""

from datetime import timedelta

import pytest

from npa_market.auctions.ceremony.models import Reveal
from npa_market.auctions.ceremony.services import (
    REVEAL_AFTER,
    REVEAL_FOR,
    reveal_bid,
    settle_overdue_reveals,
)
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import LotState
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from tests.auctions.conftest import END, START, STEP

HIGH, LOW = START + 3 * STEP, START + STEP
SECOND = timedelta(seconds=1)


@pytest.fixture
def closed(sealed, clock):
    """Both bids are in, the deadline has passed."""
    sealed.bid(0, LOW)
    sealed.bid(1, HIGH)
    clock.now = END
    sealed.advance()
    return sealed


def reveal(market, who, **changes):
    buyer, user = market.bidders[who]
    receipt = {"ephemeral_private_key": market.ephemerals[who].hex()} | changes
    return reveal_bid(user=user, lot_id=market.lot.pk, buyer=buyer, receipt=receipt)


def test_nobody_reveals_within_a_day(closed, clock):
    clock.now = END + REVEAL_AFTER - SECOND
    with pytest.raises(Refused, match="reveal from"):
        reveal(closed, 0)
    clock.now = END + REVEAL_AFTER
    reveal(closed, 0)


def test_S2_the_last_reveal_opens_all_of_them(closed, clock):
    clock.now = END + REVEAL_AFTER
    reveal(closed, 0)
    closed.lot.refresh_from_db()
    assert closed.lot.state == LotState.OPENING
    assert not closed.lot.events.filter(kind="envelope_opened").exists()
    reveal(closed, 1)
    closed.lot.refresh_from_db()
    assert (closed.lot.state, closed.lot.hammer_minor) == (LotState.SOLD, HIGH)
    assert closed.lot.key.private_key == "", "nobody has the lot's key"


def test_S8_an_envelope_that_nobody_reveals_is_void_after_another_day(closed, clock):
    clock.now = END + REVEAL_AFTER
    reveal(closed, 0)
    clock.now = END + REVEAL_AFTER + REVEAL_FOR - SECOND
    assert settle_overdue_reveals() == 0
    clock.now += SECOND
    assert settle_overdue_reveals() == 1
    assert settle_overdue_reveals() == 0
    closed.lot.refresh_from_db()
    assert (closed.lot.state, closed.lot.hammer_minor) == (LotState.SOLD, LOW)


def test_without_any_reveal_the_lot_waits_for_its_holders(closed, clock):
    clock.now = END + timedelta(days=9)
    assert settle_overdue_reveals() == 0
    closed.share(Holder.SELLER)
    assert closed.share(Holder.NOTARY).hammer_minor == HIGH


def test_holders_who_come_late_still_open_the_lot(closed, clock):
    clock.now = END + REVEAL_AFTER
    reveal(closed, 0)
    closed.share(Holder.SELLER)
    assert closed.share(Holder.COMPLIANCE).hammer_minor == HIGH


@pytest.mark.parametrize("key", ["", "zz", "00" * 32, "ab" * 31])
def test_a_receipt_that_does_not_open_is_refused_without_a_word_of_it(closed, clock, key):
    clock.now = END + REVEAL_AFTER
    with pytest.raises(InvalidInput, match="does not open") as refusal:
        reveal(closed, 0, ephemeral_private_key=key)
    assert not key or key not in str(refusal.value)
    assert not Reveal.objects.exists()


def test_revealing_again_changes_nothing_and_a_stranger_reveals_nothing(closed, clock, stranger):
    clock.now = END + REVEAL_AFTER
    assert reveal(closed, 0) == reveal(closed, 0)
    with pytest.raises(NotPermitted):
        reveal_bid(user=stranger, lot_id=closed.lot.pk, buyer=closed.bidders[0][0], receipt={})
    buyer, user = closed.bidders[1]
    with pytest.raises(InvalidInput):
        reveal_bid(
            user=user,
            lot_id=closed.lot.pk,
            buyer=buyer,
            receipt={"ephemeral_private_key": closed.ephemerals[0].hex()},
        )
