"""Open English auction: smallest step by price, soft close, maxima where the terms allow them."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from npa_market.auctions.commands import (
    BidderCommand,
    PlaceBid,
)
from npa_market.auctions.events import (
    BidAccepted,
    BidOutbid,
    EndExtended,
    Event,
    MaximumRaised,
    NumberedEvent,
    Refusal,
)
from npa_market.auctions.state import Auction, result
from npa_market.auctions.terms import MAX_BID_MINOR, floor_after

COMMANDS = (PlaceBid,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascending(Auction):
    """Who leads, at which price, up to which hidden maximum."""

    leader: str | None = None
    leading_minor: int | None = None
    leader_max_minor: int | None = None
    bids: int = 0
    extensions: int = 0

    @property
    def floor_minor(self) -> int:
        """Lowest amount that would be accepted now (A8)."""
        return floor_after(self.terms, self.leading_minor)


def due(auction: Ascending, at: datetime) -> list[NumberedEvent]:
    """The settlement, once the end has come; it depends on stored events alone (A13)."""
    if at < auction.ends_at:
        return []
    best = None
    if auction.leader is not None and auction.leading_minor is not None:
        best = (auction.leader, auction.leading_minor)
    return [result(auction, best, seq=auction.seq + 1, at=at)]


def refusal(auction: Ascending, command: BidderCommand, at: datetime) -> Refusal | None:
    """The first rule of the format that a bid breaks."""
    assert isinstance(command, PlaceBid)
    amount_minor = command.amount_minor
    if amount_minor < auction.terms.start_price_minor:
        return Refusal.BELOW_START
    if auction.terms.allows_proxy and command.bidder == auction.leader:
        if amount_minor <= (auction.leader_max_minor or 0):
            return Refusal.BELOW_OWN_MAXIMUM
    elif amount_minor < auction.floor_minor:
        return Refusal.BELOW_STEP  # A8
    return Refusal.AMOUNT_TOO_LARGE if amount_minor > MAX_BID_MINOR else None


def accept(auction: Ascending, command: BidderCommand, at: datetime) -> list[Event]:
    """The bid's own event, and the extension it leads to (A7)."""
    assert isinstance(command, PlaceBid)
    bid = _bid_event(auction, command, at)
    if isinstance(bid, MaximumRaised):
        return [bid]
    new_end = soft_close(auction, at)
    if new_end == auction.ends_at:
        return [bid]
    return [bid, EndExtended(seq=bid.seq + 1, decided_at=at, ends_at=new_end)]


def _bid_event(
    auction: Ascending, bid: PlaceBid, at: datetime
) -> BidAccepted | BidOutbid | MaximumRaised:
    seq, bidder, amount_minor = auction.seq + 1, bid.bidder, bid.amount_minor
    terms = auction.terms
    if not terms.allows_proxy:
        return BidAccepted(seq=seq, decided_at=at, bidder=bidder, amount_minor=amount_minor)
    if bidder == auction.leader:
        return MaximumRaised(seq=seq, decided_at=at, bidder=bidder, max_minor=amount_minor)
    standing_minor = auction.leader_max_minor
    if standing_minor is not None and standing_minor >= amount_minor:  # A9: the earlier leads.
        price_minor = min(standing_minor, amount_minor + terms.step_at(amount_minor))
        return BidOutbid(
            seq=seq,
            decided_at=at,
            bidder=bidder,
            amount_minor=price_minor,
            max_minor=amount_minor,
        )
    price_minor = terms.start_price_minor
    if standing_minor is not None:  # A10
        price_minor = min(amount_minor, standing_minor + terms.step_at(standing_minor))
    return BidAccepted(
        seq=seq, decided_at=at, bidder=bidder, amount_minor=price_minor, max_minor=amount_minor
    )


def soft_close(auction: Ascending, at: datetime) -> datetime:
    """The end in force after a price-improving bid accepted at `at` (A6)."""
    terms = auction.terms
    if auction.ends_at - at >= timedelta(seconds=terms.window_seconds):
        return auction.ends_at
    if terms.max_extensions is not None and auction.extensions >= terms.max_extensions:
        return auction.ends_at
    extended = at + timedelta(seconds=terms.extension_seconds)
    return min(auction.hard_end_at, max(auction.ends_at, extended))


def evolve(auction: Ascending, event: Event) -> Ascending:
    """The state after an event of this format."""
    match event:
        case BidAccepted():
            return replace(
                auction,
                leader=event.bidder,
                leading_minor=event.amount_minor,
                leader_max_minor=event.max_minor,
                bids=auction.bids + 1,
            )
        case BidOutbid():
            return replace(auction, leading_minor=event.amount_minor, bids=auction.bids + 1)
        case MaximumRaised():
            return replace(auction, leader_max_minor=event.max_minor)
        case EndExtended():
            return replace(auction, ends_at=event.ends_at, extensions=auction.extensions + 1)
    raise TypeError(f"no event of an ascending lot: {event}")
