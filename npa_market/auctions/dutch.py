"""Falling price, then one sealed round above it, then one best bid of the one who accepted it.

The bids of the round are secret until it ends and numbered apart from the log, so that neither
their amounts nor their number show (S7).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from npa_market.auctions.commands import (
    AcceptPrice,
    BidderCommand,
    PlaceBid,
)
from npa_market.auctions.events import (
    BestBidPlaced,
    Event,
    NumberedEvent,
    PriceAccepted,
    Refusal,
    Resumed,
    RoundBidReceived,
    RoundBidRevealed,
    RoundRevealed,
)
from npa_market.auctions.state import Auction, pause_until, result
from npa_market.auctions.terms import MAX_BID_MINOR

COMMANDS = (PlaceBid, AcceptPrice)


class Stage(StrEnum):
    """Which of the three stages a lot is in."""

    FALLING = "falling"
    ROUND = "round"
    BEST_BID = "best_bid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dutch(Auction):
    """`ends_at` is the end of the stage; `falls_from` is when the price began to fall.

    A suspension moves `falls_from`, so that no tick passes in it.
    """

    falls_from: datetime
    stage: Stage = Stage.FALLING
    acceptor: str | None = None
    accepted_minor: int | None = None
    round_bids: tuple[RoundBidReceived, ...] = ()

    def price_at(self, moment: datetime) -> int:
        """The falling price at a moment; what was accepted, once somebody accepted."""
        if self.accepted_minor is not None:
            return self.accepted_minor
        terms = self.terms
        ticks = max(timedelta(0), moment - self.falls_from) // timedelta(seconds=terms.tick_seconds)
        fallen = terms.start_price_minor - terms.step_minor * ticks
        return max(terms.lowest_price_minor or 1, fallen)

    @property
    def best_of_round(self) -> RoundBidReceived | None:
        """The highest bid of the sealed round; of equals the earlier receipt (A9)."""
        return min(self.round_bids, key=lambda bid: (-bid.amount_minor, bid.receipt), default=None)

    @property
    def floor_minor(self) -> int:
        """Lowest amount that would be accepted now, the round's secret bids left out."""
        if self.stage == Stage.BEST_BID and self.best_of_round is not None:
            return self.best_of_round.amount_minor + 1
        if self.accepted_minor is not None:
            return self.accepted_minor + 1
        return self.terms.lowest_price_minor or 1

    @property
    def stages_end_at(self) -> datetime:
        """A round counts with the best bid after it, bids or not: an outage tells of none (S7)."""
        if self.stage != Stage.ROUND:
            return self.ends_at
        return self.ends_at + timedelta(seconds=self.terms.best_bid_seconds)


def due(auction: Dutch, at: datetime) -> list[NumberedEvent]:
    """Stages that time alone ends; each ends at its own time however late it is asked (A13)."""
    if at < auction.ends_at:
        return []
    seq = auction.seq + 1
    if auction.acceptor is None or auction.accepted_minor is None:
        return [result(auction, None, seq=seq, at=at)]
    best = auction.best_of_round
    if best is None:
        taken = (auction.acceptor, auction.accepted_minor)
        return [result(auction, taken, seq=seq, at=at)]
    if auction.stage == Stage.BEST_BID:
        return [result(auction, (best.bidder, best.amount_minor), seq=seq, at=at)]
    ends_at = auction.ends_at + timedelta(seconds=auction.terms.best_bid_seconds)
    revealed: list[NumberedEvent] = [
        RoundBidRevealed(
            seq=number,
            decided_at=at,
            bidder=bid.bidder,
            receipt=bid.receipt,
            amount_minor=bid.amount_minor,
        )
        for number, bid in enumerate(auction.round_bids, seq)
    ]
    last = seq + len(revealed)
    return [*revealed, RoundRevealed(seq=last, decided_at=at, ends_at=ends_at)]


def refusal(auction: Dutch, command: BidderCommand, at: datetime) -> Refusal | None:
    """The first rule of the format that a request breaks."""
    assert isinstance(command, PlaceBid | AcceptPrice)
    is_acceptor = command.bidder == auction.acceptor
    if isinstance(command, AcceptPrice):
        if auction.stage != Stage.FALLING:
            return Refusal.NOT_FALLING
        if command.amount_minor < auction.price_at(at):
            return Refusal.BELOW_PRICE
    elif auction.stage == Stage.FALLING:
        return Refusal.STILL_FALLING
    elif auction.stage == Stage.ROUND and is_acceptor:
        return Refusal.ACCEPTOR_WAITS
    elif auction.stage == Stage.BEST_BID and not is_acceptor:
        return Refusal.ACCEPTOR_ONLY
    elif command.amount_minor < auction.floor_minor:
        return Refusal.NOT_ABOVE_PRICE
    return Refusal.AMOUNT_TOO_LARGE if command.amount_minor > MAX_BID_MINOR else None


def accept(auction: Dutch, command: BidderCommand, at: datetime) -> list[Event]:
    """The price taken, a bid of the round, or the best bid and with it the result."""
    assert isinstance(command, PlaceBid | AcceptPrice)
    bidder, seq = command.bidder, auction.seq + 1
    if isinstance(command, AcceptPrice):
        # A tick that passed on the way lowers the price and loses nobody the lot.
        return [
            PriceAccepted(
                seq=seq,
                decided_at=at,
                bidder=bidder,
                amount_minor=auction.price_at(at),
                ends_at=at + timedelta(seconds=auction.terms.round_seconds),
            )
        ]
    if auction.stage == Stage.ROUND:
        return [
            RoundBidReceived(
                receipt=auction.receipts + 1,
                decided_at=at,
                bidder=bidder,
                amount_minor=command.amount_minor,
            )
        ]
    best = BestBidPlaced(seq=seq, decided_at=at, bidder=bidder, amount_minor=command.amount_minor)
    end = result(auction, (bidder, command.amount_minor), seq=seq + 1, at=at)
    return [best, end]


def evolve(auction: Dutch, event: Event) -> Dutch:
    """The state after an event of this format."""
    match event:
        case PriceAccepted():
            return replace(
                auction,
                stage=Stage.ROUND,
                acceptor=event.bidder,
                accepted_minor=event.amount_minor,
                ends_at=event.ends_at,
            )
        case RoundBidReceived():
            others = tuple(bid for bid in auction.round_bids if bid.bidder != event.bidder)
            return replace(auction, round_bids=(*others, event))
        case RoundRevealed():
            return replace(auction, stage=Stage.BEST_BID, ends_at=event.ends_at)
        case RoundBidRevealed() | BestBidPlaced():
            return auction
    raise TypeError(f"no event of a dutch lot: {event}")


def resumed(auction: Dutch, event: Resumed) -> Dutch:
    """No tick passes in a suspension."""
    return replace(auction, falls_from=auction.falls_from + pause_until(auction, event))
