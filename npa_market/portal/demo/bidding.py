"""How the demonstration's buyers bid: each up to a private limit, one of them late."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import sleep

from npa_market.auctions.models import Lot, LotState
from npa_market.auctions.services import advance_lot, place_bid
from npa_market.common.clock import database_now
from npa_market.common.fields import uuid7
from npa_market.common.money import format_minor
from npa_market.parties.models import Organisation, User

Report = Callable[[str], None]


@dataclass(frozen=True)
class Bidder:
    """A buyer's signatory and the limit, in minor units, that nobody else knows."""

    buyer: Organisation
    user: User
    limit_minor: int


def bid_out(lot: Lot, bidders: list[Bidder], report: Report) -> Lot:
    """Bid in turn until nobody goes higher, the last time inside the soft-close window.

    Waits on the venue's clock for the opening, the window and the end. Returns the settled lot.
    """
    lot = _wait_until_open(lot)
    while (bidder := _next_bidder(lot, bidders)) is not None:
        is_last = lot.floor_minor + lot.step_minor > sorted(b.limit_minor for b in bidders)[-2]
        if is_last:
            _wait_for_clock(lot, before_end=timedelta(seconds=lot.window_seconds / 2))
        amount_minor = lot.floor_minor
        outcome = place_bid(
            user=bidder.user,
            lot_id=lot.pk,
            buyer=bidder.buyer,
            amount_minor=amount_minor,
            request_id=uuid7(),
        )
        lot.refresh_from_db()
        if outcome.refusal:
            report(f"Bid refused: {outcome.message}")
            break
        report(f"Bid {lot.bids}: {format_minor(amount_minor, lot.currency)}")
    return _wait_until_settled(lot)


def _next_bidder(lot: Lot, bidders: list[Bidder]) -> Bidder | None:
    if lot.state not in {LotState.ANNOUNCED, LotState.OPEN}:
        return None
    able = [
        bidder
        for bidder in bidders
        if bidder.buyer.pk != lot.leader_id and bidder.limit_minor >= lot.floor_minor
    ]
    return min(able, key=lambda bidder: bidder.limit_minor, default=None)


def _wait_until_open(lot: Lot) -> Lot:
    while database_now() < lot.opens_at:
        sleep(0.05)
    advance_lot(lot_id=lot.pk)
    lot.refresh_from_db()
    return lot


def _wait_for_clock(lot: Lot, before_end: timedelta) -> None:
    while database_now() < lot.ends_at - before_end:
        sleep(0.05)


def _wait_until_settled(lot: Lot) -> Lot:
    while lot.state in {LotState.ANNOUNCED, LotState.OPEN}:
        advance_lot(lot_id=lot.pk)
        lot.refresh_from_db()
        sleep(0.1)
    return lot
