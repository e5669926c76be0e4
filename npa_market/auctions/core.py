"""Rules of a lot: commands in, events out; the state of a lot is a fold of its events.

No I/O, no clock, no framework: the database path, the property tests and a replay of the protocol
call the same functions. This module is the door, each format has a module of its own. Bracketed
names such as A4 are the invariants of docs/auctions.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from npa_market.auctions import ascending, dutch, negotiated, sealed
from npa_market.auctions.ascending import Ascending, soft_close
from npa_market.auctions.commands import (
    AcceptOffer,
    AcceptPrice,
    Advance,
    Answer,
    Award,
    BidderCommand,
    Cancel,
    Command,
    DeclineOffer,
    MakeOffer,
    OpenEnvelopes,
    Opening,
    OpenTogether,
    Party,
    PlaceBid,
    Resume,
    Standing,
    SubmitEnvelope,
    Suspend,
    WithdrawEnvelope,
    WithdrawOffer,
)
from npa_market.auctions.dutch import Dutch, Stage
from npa_market.auctions.events import (
    RECEIPTS,
    BestBidPlaced,
    BidAccepted,
    BidOutbid,
    BidRefused,
    Cancelled,
    EndExtended,
    EnvelopeOpened,
    EnvelopeReceived,
    EnvelopesFixed,
    EnvelopeVoid,
    EnvelopeWithdrawn,
    Event,
    MaximumRaised,
    NumberedEvent,
    OfferDeclined,
    OfferMade,
    OfferWithdrawn,
    Opened,
    PriceAccepted,
    ReceiptEvent,
    Refusal,
    Resumed,
    RoundBidReceived,
    RoundBidRevealed,
    RoundRevealed,
    Sold,
    SoldInWhole,
    Suspended,
    Unsold,
    VoidReason,
    WholeFault,
    WholeOpened,
    WholeVoid,
)
from npa_market.auctions.negotiated import Negotiated
from npa_market.auctions.sealed import Sealed
from npa_market.auctions.state import (
    OUTAGE_LIMIT,
    TERMINAL,
    Auction,
    Phase,
    common_refusal,
    evolve_common,
    numbered,
    opening_due,
    outage_start,
    refused,
    resumption,
    time_lost,
)
from npa_market.auctions.terms import Format, LotTerms

__all__ = [
    "RECEIPTS", "TERMINAL", "AcceptOffer", "AcceptPrice", "Advance", "Answer", "Ascending",
    "Auction", "Award", "BestBidPlaced", "BidAccepted", "BidOutbid", "BidRefused", "BidderCommand",
    "Cancel", "Cancelled", "Command", "DeclineOffer", "Dutch", "EndExtended", "EnvelopeOpened",
    "EnvelopeReceived", "EnvelopeVoid", "EnvelopeWithdrawn", "EnvelopesFixed", "Event", "Format",
    "LotTerms", "MakeOffer", "MaximumRaised", "Negotiated", "NumberedEvent", "OfferDeclined",
    "OfferMade", "OfferWithdrawn", "OpenEnvelopes", "OpenTogether", "Opened", "Opening", "Party",
    "Phase", "PlaceBid", "PriceAccepted", "ReceiptEvent", "Refusal", "Resume", "Resumed",
    "RoundBidReceived", "RoundBidRevealed", "RoundRevealed", "Sealed", "Sold", "SoldInWhole",
    "Stage", "Standing", "SubmitEnvelope", "Suspend", "Suspended", "Unsold", "VoidReason",
    "WholeFault", "WholeOpened", "WholeVoid", "WithdrawEnvelope", "WithdrawOffer", "announced",
    "decide", "fold", "ready_at", "soft_close",
]  # fmt: skip

State = TypeVar("State", bound=Auction)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What one format decides; its functions get states of its own class alone."""

    commands: tuple[type, ...]
    due: Callable[[Any, datetime], list[NumberedEvent]]
    refusal: Callable[[Any, Any, datetime], Refusal | None]
    accept: Callable[[Any, Any, datetime], list[Event]]
    evolve: Callable[[Any, Event], Any]
    resumed: Callable[[Any, Resumed], Any] = lambda auction, event: auction


def _rules(module: Any) -> _Rules:
    return _Rules(module.COMMANDS, module.due, module.refusal, module.accept, module.evolve)


_RULES: dict[type[Auction], _Rules] = {
    Ascending: _rules(ascending),
    Sealed: _rules(sealed),
    Dutch: _Rules(
        dutch.COMMANDS, dutch.due, dutch.refusal, dutch.accept, dutch.evolve, dutch.resumed
    ),
    Negotiated: _Rules(
        negotiated.COMMANDS,
        negotiated.due,
        negotiated.refusal,
        negotiated.accept,
        negotiated.evolve,
        negotiated.resumed,
    ),
}


def announced(terms: LotTerms) -> Auction:
    """The state before the first event."""
    ends_at, hard_end_at = terms.ends_at, terms.hard_end_at
    match terms.format:
        case Format.ASCENDING:
            return Ascending(terms=terms, ends_at=ends_at, hard_end_at=hard_end_at)
        case Format.SEALED:
            return Sealed(terms=terms, ends_at=ends_at, hard_end_at=hard_end_at)
        case Format.DUTCH:
            return Dutch(
                terms=terms, ends_at=ends_at, hard_end_at=hard_end_at, falls_from=terms.opens_at
            )
        case Format.NEGOTIATED:
            return Negotiated(terms=terms, ends_at=ends_at, hard_end_at=hard_end_at)


def decide(auction: Auction, command: Command, now: datetime) -> list[Event]:
    """Events that follow from a command at `now`; an empty list = nothing to do.

    Decision time is never before the last decision, so a clock set back changes no order (A17).
    """
    at = max(now, auction.last_decided_at or now)
    match command:
        case Suspend():
            return _decide_suspension(auction, command, at)
        case Resume():
            going_on = resumption(auction, at)
            return [*_due(auction, at)] if going_on is None else [going_on]
        case Cancel():
            return _decide_cancel(auction, command, at)
        case Advance():
            return [*_due(auction, at)]
        case OpenEnvelopes() | OpenTogether():
            return _decide_opening(auction, command, at)
    return _decide_bidder(auction, command, at)


def fold(auction: State, events: Iterable[Event]) -> State:
    """The state after these events."""
    for event in events:
        auction = _evolve(auction, event)
    return auction


def ready_at(auction: State, now: datetime) -> State:
    """The state after all that time alone brings by `now`."""
    at = max(now, auction.last_decided_at or now)
    return fold(auction, _due(auction, at))


def _due(auction: Auction, at: datetime) -> list[NumberedEvent]:
    """Opening, next stages and settlement that time alone brings; the same whenever asked (A13)."""
    due = _RULES[type(auction)].due
    events: list[NumberedEvent] = []
    opened = opening_due(auction, at)
    if opened is not None:
        events.append(opened)
        auction = _evolve(auction, opened)
    while auction.phase == Phase.OPEN and (found := due(auction, at)):
        events += found
        auction = fold(auction, found)
    return events


def _decide_bidder(auction: Auction, command: BidderCommand, at: datetime) -> list[Event]:
    """The bid path opens a lot by itself when the sweeper is late: it depends on no other job."""
    rules = _RULES[type(auction)]
    if not isinstance(command, rules.commands):
        return [refused(command, Refusal.WRONG_FORMAT, at)]
    events = _due(auction, at)
    ready = fold(auction, events)
    refusal = common_refusal(auction, ready, command, at) or rules.refusal(ready, command, at)
    if refusal is not None:
        return [refused(command, refusal, at)]
    return [*events, *rules.accept(ready, command, at)]


def _decide_cancel(auction: Auction, command: Cancel, at: datetime) -> list[Event]:
    """Cancel before the end; after it the result already stands and is settled instead (A13).

    A withdrawal by the seller that comes after the opening leaves the lot as time has made it.
    """
    events = _due(auction, at)
    ready = fold(auction, events)
    is_too_late = command.party == Party.SELLER and ready.phase != Phase.ANNOUNCED
    if ready.phase in TERMINAL or is_too_late:
        return [*events]
    # What time brought without ending the lot (opening, a next stage) is still true.
    ended = Cancelled(seq=ready.seq + 1, decided_at=at, reason=command.reason, party=command.party)
    return [*events, ended]


def _decide_suspension(auction: Auction, command: Suspend, at: datetime) -> list[Event]:
    """Suspend an open lot; after an outage in the stage of its start, before all later ones (A18).

    What time had ended by then stays ended, so nothing depends on who looked when (A13).
    """
    since = at if command.since is None else outage_start(auction, command.since, at)
    before: list[Event] = [replace(event, decided_at=at) for event in _due(auction, since)]
    running = fold(auction, before)
    is_short = command.since is not None and time_lost(running, since, at) <= OUTAGE_LIMIT
    if running.phase != Phase.OPEN or is_short:
        return [*_due(auction, at)]
    stopped = Suspended(seq=running.seq + 1, decided_at=at, since=since, reason=command.reason)
    return [*before, stopped]


def _decide_opening(
    auction: Auction, command: OpenEnvelopes | OpenTogether, at: datetime
) -> list[Event]:
    events = _due(auction, at)
    ready = fold(auction, events)
    if not isinstance(ready, Sealed):
        return [*events]
    return [*events, *sealed.opening(ready, command, at)]


def _evolve(auction: Any, event: Event) -> Any:
    after = numbered(auction, event)
    if isinstance(event, BidRefused):
        return after
    rules = _RULES[type(auction)]
    if isinstance(event, Resumed):
        after = rules.resumed(after, event)
    common = evolve_common(after, event)
    return rules.evolve(after, event) if common is None else common
