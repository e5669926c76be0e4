"""The last shares of several lots at the same moment, on connections of their own."""

import pytest

from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import LotEvent, LotState
from npa_market.auctions.sale_events.opening import open_ready_events
from npa_market.common.errors import Busy, Refused
from npa_market.evidence.models import Entry
from tests.auctions.sale_events.conftest import ALL
from tests.auctions.test_concurrency import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_S2_A12_the_last_shares_of_all_lots_at_once_open_the_event_once(market, clock):
    """Each thread hands in the share that its lot still lacks; the sweeper looks as well."""
    market.bid(0, 1, None, 2 * ALL)
    clock.now = market.lot(1).ends_at
    for place in market.keys:
        market.share(place, Holder.SELLER)

    def hand_in(place: int):
        for _ in range(20):
            try:
                return market.share(place, Holder.NOTARY)
            except Busy:
                continue
            except Refused as refusal:
                return refusal.code
        raise AssertionError("the lots were never free")

    acts = [lambda place=place: hand_in(place) for place in market.keys]
    all_at_once([*acts, open_ready_events])
    assert {lot.state for lot in market.lots()} == {LotState.SOLD}
    ends = LotEvent.objects.filter(kind__in=["sold", "unsold"])
    assert ends.count() == 3
    assert Entry.objects.filter(type="event.decided").count() == 1
    assert sum(lot.hammer_minor for lot in market.lots()) == 2 * ALL
