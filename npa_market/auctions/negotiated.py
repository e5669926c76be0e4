"""One invited buyer: offers and counter-offers, until one is accepted or time ends the talks."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from npa_market.auctions.commands import (
    AcceptOffer,
    BidderCommand,
    DeclineOffer,
    MakeOffer,
    Party,
    WithdrawOffer,
)
from npa_market.auctions.events import (
    Event,
    NumberedEvent,
    OfferDeclined,
    OfferMade,
    OfferWithdrawn,
    Refusal,
    Resumed,
    Sold,
    Unsold,
)
from npa_market.auctions.state import Auction, pause_until
from npa_market.auctions.terms import MAX_BID_MINOR

COMMANDS = (MakeOffer, AcceptOffer, DeclineOffer, WithdrawOffer)
MIN_OFFER_SECONDS, MAX_OFFER_SECONDS = 60, 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated(Auction):
    """The offer that stands, if any; its number is the number of its event."""

    offer: int | None = None
    offered_by: Party | None = None
    offered_minor: int | None = None
    offer_ends_at: datetime | None = None

    def stands_at(self, moment: datetime) -> bool:
        """Is there an offer that could be accepted at a moment?"""
        return self.offer_ends_at is not None and moment < self.offer_ends_at


def due(auction: Negotiated, at: datetime) -> list[NumberedEvent]:
    """Talks that reached their end without agreement."""
    if at < auction.ends_at:
        return []
    return [Unsold(seq=auction.seq + 1, decided_at=at, reason="no_agreement")]


def refusal(auction: Negotiated, command: BidderCommand, at: datetime) -> Refusal | None:
    """The first rule of the format that a request breaks."""
    assert isinstance(command, COMMANDS)
    if command.bidder != auction.terms.invited:
        return Refusal.NOT_INVITED
    if isinstance(command, MakeOffer):
        if command.amount_minor <= 0:
            return Refusal.NOT_POSITIVE
        return Refusal.AMOUNT_TOO_LARGE if command.amount_minor > MAX_BID_MINOR else None
    if auction.offer is None or auction.offer_ends_at is None:
        return Refusal.NO_OFFER
    if command.offer != auction.offer:
        return Refusal.OFFER_CHANGED
    if at >= auction.offer_ends_at:
        return Refusal.OFFER_EXPIRED
    is_own = command.party == auction.offered_by
    if isinstance(command, WithdrawOffer):
        return None if is_own else Refusal.NOT_OWN_OFFER
    return Refusal.OWN_OFFER if is_own else None


def accept(auction: Negotiated, command: BidderCommand, at: datetime) -> list[Event]:
    """The offer, its end, or the sale."""
    seq, bidder = auction.seq + 1, command.bidder
    match command:
        case MakeOffer():
            expires_at = at + timedelta(seconds=command.valid_seconds)
            return [
                OfferMade(
                    seq=seq,
                    decided_at=at,
                    party=command.party,
                    bidder=bidder,
                    amount_minor=command.amount_minor,
                    ends_at=min(expires_at, auction.ends_at),
                )
            ]
        case DeclineOffer():
            return [
                OfferDeclined(
                    seq=seq,
                    decided_at=at,
                    party=command.party,
                    bidder=bidder,
                    offer=command.offer,
                )
            ]
        case WithdrawOffer():
            return [
                OfferWithdrawn(
                    seq=seq,
                    decided_at=at,
                    party=command.party,
                    bidder=bidder,
                    offer=command.offer,
                )
            ]
    assert auction.offered_minor is not None
    return [Sold(seq=seq, decided_at=at, winner=bidder, hammer_minor=auction.offered_minor)]


def evolve(auction: Negotiated, event: Event) -> Negotiated:
    """The state after an event of this format."""
    match event:
        case OfferMade():
            return replace(
                auction,
                offer=event.seq,
                offered_by=Party(event.party),
                offered_minor=event.amount_minor,
                offer_ends_at=event.ends_at,
            )
        case OfferDeclined() | OfferWithdrawn():
            return replace(
                auction, offer=None, offered_by=None, offered_minor=None, offer_ends_at=None
            )
    raise TypeError(f"no event of a negotiated lot: {event}")


def resumed(auction: Negotiated, event: Resumed) -> Negotiated:
    """The time left of an offer does not pass in a suspension."""
    if auction.offer_ends_at is None:
        return auction
    return replace(auction, offer_ends_at=auction.offer_ends_at + pause_until(auction, event))
