"""Rules of an ascending lot: commands in, events out; the state of a lot is a fold of its events.

No I/O, no clock, no framework: the database path, the property tests and a replay of the protocol
call the same functions. Bracketed names such as A4 are the invariants of docs/auctions.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from npa_market.auctions.terms import MAX_BID_MINOR
from npa_market.auctions.terms import LotTerms as LotTerms


class Phase(StrEnum):
    """Where a lot stands; the last three are for ever (A12)."""

    ANNOUNCED = "announced"
    OPEN = "open"
    SOLD = "sold"
    UNSOLD = "unsold"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Phase.SOLD, Phase.UNSOLD, Phase.CANCELLED})


class Refusal(StrEnum):
    """Why a bid was not accepted; checked in this order, the first that holds is answered."""

    CLOSED = "closed"
    NOT_OPEN = "not_open"
    LATE = "late"
    NOT_QUALIFIED = "not_qualified"
    NOT_ADMITTED = "not_admitted"
    NO_DEPOSIT = "no_deposit"
    RELATED_TO_SELLER = "related_to_seller"
    SUSPENDED = "suspended"
    BELOW_START = "below_start"
    BELOW_STEP = "below_step"
    AMOUNT_TOO_LARGE = "amount_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the venue knows about a bidder at the moment of the decision (A15)."""

    is_qualified: bool
    is_admitted: bool
    has_deposit: bool
    is_related_to_seller: bool
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class Advance:
    """Do what is due by time: open, settle."""


@dataclass(frozen=True, slots=True)
class PlaceBid:
    """A bid of one bidder; `bidder` is the key of the institution."""

    bidder: str
    amount_minor: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class Cancel:
    """The operator ends the lot before its end."""

    reason: str


Command = Advance | PlaceBid | Cancel


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbered:
    seq: int
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(_Numbered):
    """Bidding began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BidAccepted(_Numbered):
    """The bid leads."""

    bidder: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndExtended(_Numbered):
    """A bid shortly before the end moved the end."""

    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold(_Numbered):
    """The best bid won; first price paid."""

    winner: str
    hammer_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsold(_Numbered):
    """Ended without a winner: `no_bids` or `reserve_not_met`."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(_Numbered):
    """The operator ended the lot."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BidRefused:
    """A decision as well, but outside the numbered log: it changes nothing that others see."""

    bidder: str
    amount_minor: int
    refusal: Refusal
    decided_at: datetime


NumberedEvent = Opened | BidAccepted | EndExtended | Sold | Unsold | Cancelled
Event = NumberedEvent | BidRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """State of a lot: its terms and the fold of its events."""

    terms: LotTerms
    ends_at: datetime
    phase: Phase = Phase.ANNOUNCED
    seq: int = 0
    last_decided_at: datetime | None = None
    leader: str | None = None
    leading_minor: int | None = None
    bids: int = 0

    @property
    def floor_minor(self) -> int:
        """Lowest amount that would be accepted now."""
        if self.leading_minor is None:
            return self.terms.start_price_minor
        return self.leading_minor + self.terms.step_minor


def announced(terms: LotTerms) -> Auction:
    """The state before the first event."""
    return Auction(terms=terms, ends_at=terms.ends_at)


def decide(auction: Auction, command: Command, now: datetime) -> list[Event]:
    """Events that follow from a command at `now`; an empty list = nothing to do.

    Decision time is never before the last decision, so a clock set back changes no order (A17).
    """
    at = max(now, auction.last_decided_at or now)
    match command:
        case Advance():
            return list(_due(auction, at))
        case PlaceBid():
            return _decide_bid(auction, command, at)
        case Cancel():
            return _decide_cancel(auction, command, at)


def fold(auction: Auction, events: Iterable[Event]) -> Auction:
    """The state after these events."""
    for event in events:
        auction = _evolve(auction, event)
    return auction


def _due(auction: Auction, at: datetime) -> list[NumberedEvent]:
    """Opening and settlement that time alone brings; the same whenever it is asked (A13)."""
    if auction.phase in TERMINAL:
        return []
    events: list[NumberedEvent] = []
    if auction.phase == Phase.ANNOUNCED and at >= auction.terms.opens_at:
        events.append(Opened(seq=auction.seq + 1, decided_at=at))
    if at >= auction.ends_at:
        events.append(_settled(auction, seq=auction.seq + len(events) + 1, at=at))
    return events


def _settled(auction: Auction, *, seq: int, at: datetime) -> Sold | Unsold:
    """The one terminal event that the stored bids and the reserve lead to (A12, A14)."""
    if auction.leader is None or auction.leading_minor is None:
        return Unsold(seq=seq, decided_at=at, reason="no_bids")
    reserve_minor = auction.terms.reserve_minor
    if reserve_minor is not None and auction.leading_minor < reserve_minor:
        return Unsold(seq=seq, decided_at=at, reason="reserve_not_met")
    return Sold(seq=seq, decided_at=at, winner=auction.leader, hammer_minor=auction.leading_minor)


def _decide_bid(auction: Auction, bid: PlaceBid, at: datetime) -> list[Event]:
    refusal = _first_refusal(auction, bid, at)
    if refusal is not None:
        return [
            BidRefused(
                bidder=bid.bidder, amount_minor=bid.amount_minor, refusal=refusal, decided_at=at
            )
        ]
    # The bid path opens a lot by itself when the sweeper is late: bidding depends on no other job.
    opening = _due(auction, at)
    seq = auction.seq + len(opening) + 1
    accepted = BidAccepted(seq=seq, decided_at=at, bidder=bid.bidder, amount_minor=bid.amount_minor)
    new_end = soft_close(auction, at)
    if new_end == auction.ends_at:
        return [*opening, accepted]
    return [*opening, accepted, EndExtended(seq=seq + 1, decided_at=at, ends_at=new_end)]


_Check = tuple[Refusal, Callable[[Auction, PlaceBid, datetime], bool]]
_CHECKS: tuple[_Check, ...] = (
    (Refusal.CLOSED, lambda auction, bid, at: auction.phase in TERMINAL),
    (Refusal.NOT_OPEN, lambda auction, bid, at: at < auction.terms.opens_at),
    (Refusal.LATE, lambda auction, bid, at: at >= auction.ends_at),  # A4, A5
    (Refusal.NOT_QUALIFIED, lambda auction, bid, at: not bid.standing.is_qualified),
    (Refusal.NOT_ADMITTED, lambda auction, bid, at: not bid.standing.is_admitted),
    (Refusal.NO_DEPOSIT, lambda auction, bid, at: not bid.standing.has_deposit),
    (Refusal.RELATED_TO_SELLER, lambda auction, bid, at: bid.standing.is_related_to_seller),
    (Refusal.SUSPENDED, lambda auction, bid, at: bid.standing.is_suspended),
    (
        Refusal.BELOW_START,
        lambda auction, bid, at: bid.amount_minor < auction.terms.start_price_minor,
    ),
    (Refusal.BELOW_STEP, lambda auction, bid, at: bid.amount_minor < auction.floor_minor),  # A8
    (Refusal.AMOUNT_TOO_LARGE, lambda auction, bid, at: bid.amount_minor > MAX_BID_MINOR),
)


def _first_refusal(auction: Auction, bid: PlaceBid, at: datetime) -> Refusal | None:
    return next((refusal for refusal, holds in _CHECKS if holds(auction, bid, at)), None)


def soft_close(auction: Auction, at: datetime) -> datetime:
    """The end in force after a bid accepted at `at` (A6)."""
    if auction.ends_at - at >= timedelta(seconds=auction.terms.window_seconds):
        return auction.ends_at
    extended = at + timedelta(seconds=auction.terms.extension_seconds)
    return min(auction.terms.hard_end_at, max(auction.ends_at, extended))


def _decide_cancel(auction: Auction, command: Cancel, at: datetime) -> list[Event]:
    """Cancel before the end; after it the result already stands and is settled instead (A13)."""
    if auction.phase in TERMINAL or at >= auction.ends_at:
        return list(_due(auction, at))
    return [Cancelled(seq=auction.seq + 1, decided_at=at, reason=command.reason)]


def _evolve(auction: Auction, event: Event) -> Auction:
    at = max(event.decided_at, auction.last_decided_at or event.decided_at)
    if isinstance(event, BidRefused):
        return replace(auction, last_decided_at=at)
    after = replace(auction, seq=event.seq, last_decided_at=at)
    match event:
        case Opened():
            return replace(after, phase=Phase.OPEN)
        case BidAccepted():
            return replace(
                after,
                leader=event.bidder,
                leading_minor=event.amount_minor,
                bids=auction.bids + 1,
            )
        case EndExtended():
            return replace(after, ends_at=event.ends_at)
        case Sold():
            return replace(after, phase=Phase.SOLD)
        case Unsold():
            return replace(after, phase=Phase.UNSOLD)
        case Cancelled():
            return replace(after, phase=Phase.CANCELLED)
