"""What lots of every format share: phases, the state's common part, suspension, first refusals."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from npa_market.auctions.commands import (
    BidderCommand,
    DeclineOffer,
    Standing,
    WithdrawEnvelope,
    WithdrawOffer,
)
from npa_market.auctions.events import (
    BidRefused,
    Cancelled,
    Event,
    NumberedEvent,
    Opened,
    Refusal,
    Resumed,
    Sold,
    Suspended,
    Unsold,
)
from npa_market.auctions.terms import LotTerms

# A18: an outage of more than a minute in the last quarter of an hour suspends a lot, and it goes
# on with ten minutes at least.
OUTAGE_REASON = "Bidding was impossible; the time that was lost is given back."
OUTAGE_LIMIT = timedelta(seconds=60)
OUTAGE_SPAN = timedelta(minutes=15)
TIME_AFTER_RESUMPTION = timedelta(minutes=10)


class Phase(StrEnum):
    """Where a lot stands; the last three are for ever (A12)."""

    ANNOUNCED = "announced"
    OPEN = "open"
    SUSPENDED = "suspended"
    OPENING = "opening"  # sealed: the deadline has passed, the envelopes are not open yet
    SOLD = "sold"
    UNSOLD = "unsold"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Phase.SOLD, Phase.UNSOLD, Phase.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """State of a lot: its terms and the fold of its events. `ends_at` is the end in force."""

    terms: LotTerms
    ends_at: datetime
    hard_end_at: datetime
    phase: Phase = Phase.ANNOUNCED
    seq: int = 0
    receipts: int = 0
    last_decided_at: datetime | None = None
    suspended_since: datetime | None = None

    @property
    def floor_minor(self) -> int:
        """Lowest amount that would be accepted now."""
        return self.terms.start_price_minor

    @property
    def stages_end_at(self) -> datetime:
        """The latest end that time alone may bring: of the stages to come as well."""
        return self.ends_at


def evolve_common(auction: Auction, event: Event) -> Auction | None:
    """The state after an event that means the same in every format; None for any other."""
    match event:
        case Opened():
            return replace(auction, phase=Phase.OPEN)
        case Suspended():
            return replace(auction, phase=Phase.SUSPENDED, suspended_since=event.since)
        case Resumed():
            return replace(
                auction,
                phase=Phase.OPEN,
                suspended_since=None,
                ends_at=event.ends_at,
                hard_end_at=auction.hard_end_at + (event.ends_at - auction.ends_at),
            )
        case Sold():
            return replace(auction, phase=Phase.SOLD)
        case Unsold():
            return replace(auction, phase=Phase.UNSOLD)
        case Cancelled():
            return replace(auction, phase=Phase.CANCELLED, suspended_since=None)
    return None


def pause_until(auction: Auction, resumed: Resumed) -> timedelta:
    """How long no time passed for the lot."""
    return resumed.decided_at - (auction.suspended_since or resumed.decided_at)


def opening_due(auction: Auction, at: datetime) -> Opened | None:
    """The opening, where its time has come."""
    if auction.phase == Phase.ANNOUNCED and at >= auction.terms.opens_at:
        return Opened(seq=auction.seq + 1, decided_at=at)
    return None


def outage_start(auction: Auction, since: datetime, at: datetime) -> datetime:
    """From when an outage kept bidders from the lot: a decision after `since` proves it worked."""
    worked_at = auction.last_decided_at or since
    return min(at, max(since, auction.terms.opens_at, worked_at))


def time_lost(running: Auction, since: datetime, at: datetime) -> timedelta:
    """What an outage from `since` to `at` took of the last minutes (A18).

    `running` is the lot in the stage of `since`. An outage is one: it is judged by the end in force
    and counts on through the stages that follow, so nobody loses the last minutes to a machine.
    """
    return min(at, running.stages_end_at) - max(since, running.ends_at - OUTAGE_SPAN)


def resumption(auction: Auction, at: datetime) -> Resumed | None:
    """The event of going on: the time left as it was, ten minutes at least (A18); None if open."""
    if auction.phase != Phase.SUSPENDED or auction.suspended_since is None:
        return None
    ends_at = max(auction.ends_at + (at - auction.suspended_since), at + TIME_AFTER_RESUMPTION)
    return Resumed(seq=auction.seq + 1, decided_at=at, ends_at=ends_at)


def result(
    auction: Auction, best: tuple[str, int] | None, *, seq: int, at: datetime
) -> Sold | Unsold:
    """The one terminal event that the best bid and the reserve lead to (A12, A14)."""
    if best is None:
        return Unsold(seq=seq, decided_at=at, reason="no_bids")
    winner, hammer_minor = best
    reserve_minor = auction.terms.reserve_minor
    if reserve_minor is not None and hammer_minor < reserve_minor:
        return Unsold(seq=seq, decided_at=at, reason="reserve_not_met")
    return Sold(seq=seq, decided_at=at, winner=winner, hammer_minor=hammer_minor)


def refused(command: BidderCommand, refusal: Refusal, at: datetime) -> BidRefused:
    """The answer to a request that is not accepted."""
    return BidRefused(
        bidder=command.bidder,
        amount_minor=getattr(command, "amount_minor", None),
        refusal=refusal,
        decided_at=at,
    )


_Fault = tuple[Refusal, Callable[[Standing], bool]]
_STANDING: tuple[_Fault, ...] = (
    (Refusal.NOT_QUALIFIED, lambda standing: not standing.is_qualified),
    (Refusal.NOT_ADMITTED, lambda standing: not standing.is_admitted),
    (Refusal.NO_DEPOSIT, lambda standing: not standing.has_deposit),
    (Refusal.RELATED_TO_SELLER, lambda standing: standing.is_related_to_seller),
    (Refusal.SUSPENDED, lambda standing: standing.is_suspended),
)

# What is refused for who the bidder is and not for what it asked; its own affair.
STANDING_REFUSALS = frozenset({*(name for name, _ in _STANDING), Refusal.NOT_INVITED})


def standing_refusal(standing: Standing) -> Refusal | None:
    """The first reason why a bidder who stands like this cannot buy the lot (A15)."""
    return next((name for name, holds in _STANDING if holds(standing)), None)


def common_refusal(
    stored: Auction, ready: Auction, command: BidderCommand, at: datetime
) -> Refusal | None:
    """The first refusal that does not depend on the format.

    `ready` is `stored` after what time alone brings; a lot that time has just ended is late, not
    closed (A4, A5).
    """
    if stored.phase in TERMINAL:
        return Refusal.CLOSED
    if ready.phase == Phase.ANNOUNCED or at < ready.terms.opens_at:
        return Refusal.NOT_OPEN
    if ready.phase == Phase.SUSPENDED:
        return Refusal.LOT_SUSPENDED
    if ready.phase != Phase.OPEN:
        return Refusal.LATE
    # A15 guards what binds a bidder, not what is taken back or declined.
    if isinstance(command, WithdrawEnvelope | WithdrawOffer | DeclineOffer):
        return None
    return standing_refusal(command.standing)


def numbered(auction: Auction, event: Event) -> Auction:
    """Number and time of an event in the state (A2, A17)."""
    at = max(event.decided_at, auction.last_decided_at or event.decided_at)
    if isinstance(event, BidRefused):
        return replace(auction, last_decided_at=at)
    if isinstance(event, NumberedEvent):
        return replace(auction, last_decided_at=at, seq=event.seq)
    return replace(auction, last_decided_at=at, receipts=event.receipt)
