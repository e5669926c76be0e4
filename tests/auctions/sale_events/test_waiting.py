"""Nothing is given to open a lot of an event while another lot of it still takes bids (S7)."""

import io
import json
from datetime import datetime, timedelta

import pytest

from npa_market.auctions.ceremony.models import KeyShare, Reveal
from npa_market.auctions.ceremony.openers import REVEAL_AFTER, reveals_begin
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import LotState
from npa_market.auctions.sale_events.opening import open_ready_events
from npa_market.auctions.services import (
    cancel_lot,
    resume_lot,
    suspend_lot,
    withdraw_registration,
)
from npa_market.common.errors import Refused
from npa_market.evidence.models import Entry
from tests.auctions.conftest import END
from tests.auctions.sale_events.conftest import ALL, EventMarket
from tests.auctions.sale_events.test_opening import reveal, separate_bids

pytestmark = pytest.mark.django_db
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
GIVEN = ["lot.share_handed_in", "lot.envelopes_signed", "lot.bid_revealed"]


@pytest.fixture
def suspended(market, clock) -> EventMarket:
    """Everybody bid; the second lot was suspended five minutes before the common end."""
    separate_bids(market)
    market.bid(0, 1, 110_000)
    clock.now = END - 5 * MINUTE
    suspend_lot(user=market.operator, lot_id=market.lot(2).pk, reason="Data room is down")
    clock.now = END
    market.advance()
    return market


def resumed(market: EventMarket, clock, at: datetime) -> datetime:
    """The new end of the second lot, resumed `at`."""
    clock.now = at
    resume_lot(user=market.operator, lot_id=market.lot(2).pk)
    return market.lot(2).ends_at


def cancel(market: EventMarket, place: int) -> None:
    cancel_lot(user=market.operator, lot_id=market.lot(place).pk, reason="Data error")


@pytest.mark.parametrize("second", [LotState.SUSPENDED, LotState.OPEN])
def test_S7_no_share_and_no_reveal_is_kept_while_another_lot_takes_bids(suspended, clock, second):
    clock.now = END + REVEAL_AFTER
    if second == LotState.OPEN:
        assert resumed(suspended, clock, clock.now) > clock.now
    for give in (lambda: suspended.share(1, Holder.SELLER), lambda: reveal(suspended, 1, 1)):
        with pytest.raises(Refused, match=suspended.lot(2).reference) as refused:
            give()
        assert refused.value.code == "event_not_at_opening"
    assert suspended.lot(2).state == second
    assert not KeyShare.objects.exists()
    assert not Reveal.objects.exists()
    assert {lot.key.checkpoint for lot in suspended.lots()} == {None}
    assert not Entry.objects.filter(type__in=GIVEN).exists()


def test_S7_the_pages_show_no_form_and_no_signed_set_before(suspended, as_user, clock):
    holder = as_user(suspended.holders[Holder.SELLER])
    bidder = as_user(suspended.bidders[1][1])
    address = f"/lots/{suspended.lot(1).pk}/"
    clock.now = END + REVEAL_AFTER
    page = holder.get(f"{address}opening/").content.decode()
    assert "Hand in your share" not in page
    assert f"Still before it: {suspended.lot(2).reference} (suspended)." in page
    assert "Reveal your envelope" not in bidder.get(address).content.decode()
    form = {"holder": "seller", "words": suspended.keys[1].shares[Holder.SELLER]}
    answer = holder.post(f"{address}opening/", form)
    assert answer.status_code == 422
    assert "Signed set of envelopes" not in answer.content.decode()
    receipt = {"ephemeral_private_key": suspended.ephemerals[1, 1].hex()}
    file = io.BytesIO(json.dumps(receipt).encode())
    assert bidder.post(f"{address}reveal/", {"receipt": file}).status_code == 422

    clock.now = resumed(suspended, clock, clock.now)
    suspended.advance()
    assert "Hand in your share" in holder.get(f"{address}opening/").content.decode()
    suspended.share(1, Holder.SELLER)
    assert "Signed set of envelopes" in holder.get(f"{address}opening/").content.decode()
    clock.now += REVEAL_AFTER
    assert "Reveal your envelope" in bidder.get(address).content.decode()


def test_S1_the_shares_of_a_lot_cancelled_at_its_opening_are_erased(market, clock):
    separate_bids(market)
    clock.now = END
    market.open(1, 2)
    cancel(market, 2)
    assert [share.words_sealed for share in market.lot(2).key.shares.all()] == ["", ""]
    assert all(share.words_sealed for share in market.lot(1).key.shares.all())
    market.open(3)
    assert not KeyShare.objects.exclude(words_sealed="").exists()
    assert [state for state, _, _ in market.results()] == ["sold", "cancelled", "sold"]


@pytest.mark.parametrize("way", ["resumed", "cancelled"])
def test_the_day_before_reveals_begins_with_the_last_lot_that_was_waited_for(suspended, clock, way):
    clock.now = END + timedelta(hours=2)
    if way == "resumed":
        last = resumed(suspended, clock, clock.now)
        assert last > clock.now
    else:
        last = clock.now
        cancel(suspended, 2)
    clock.now = last + REVEAL_AFTER - SECOND
    with pytest.raises(Refused, match="reveal from") as refused:
        reveal(suspended, 1, 1)
    assert refused.value.code == "too_early"
    clock.now = last + REVEAL_AFTER
    reveal(suspended, 1, 1)


def test_a_lot_cancelled_at_its_opening_moves_no_reveals(market, clock):
    """Otherwise the remedy against an absent holder would cost another day."""
    separate_bids(market)
    clock.now = END + REVEAL_AFTER
    reveal(market, 1, 1)
    reveal(market, 1, 3)
    clock.now += timedelta(hours=2)
    cancel(market, 2)
    assert reveals_begin(market.lot(1)) == END + REVEAL_AFTER
    assert open_ready_events() == 1
    assert [state for state, _, _ in market.results()] == ["sold", "cancelled", "sold"]


def test_A15_an_envelope_of_the_first_lot_binds_on_all_lots(market):
    """It may hold a bid for the whole, which nobody may make void by a withdrawal elsewhere."""
    market.bid(0, 1, None, whole=ALL)
    buyer, user = market.bidders[0]
    act = {"user": user, "registration_id": market.lot(3).registrations.get(buyer=buyer).pk}
    with pytest.raises(Refused) as refused:
        withdraw_registration(**act)
    assert refused.value.code == "has_bid"


def test_an_envelope_of_a_later_lot_binds_there_alone(market):
    market.bid(0, 2, 210_000)
    buyer, user = market.bidders[0]
    own = {place: market.lot(place).registrations.get(buyer=buyer).pk for place in (2, 3)}
    with pytest.raises(Refused):
        withdraw_registration(user=user, registration_id=own[2])
    assert withdraw_registration(user=user, registration_id=own[3]).state == "withdrawn"
