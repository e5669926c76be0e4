"""Sealed bids: one envelope in force per bidder, opened together, best price wins and is paid.

An envelope is opaque here: a number, a bidder, a hash. What is inside comes with the opening.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from npa_market.auctions.commands import (
    BidderCommand,
    OpenEnvelopes,
    Opening,
    OpenTogether,
    SubmitEnvelope,
    WithdrawEnvelope,
)
from npa_market.auctions.events import (
    EnvelopeOpened,
    EnvelopeReceived,
    EnvelopesFixed,
    EnvelopeVoid,
    EnvelopeWithdrawn,
    Event,
    NumberedEvent,
    Refusal,
    SoldInWhole,
    VoidReason,
    WholeOpened,
    WholeVoid,
)
from npa_market.auctions.state import Auction, Phase, result
from npa_market.auctions.terms import MAX_BID_MINOR

COMMANDS = (SubmitEnvelope, WithdrawEnvelope)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope in force."""

    receipt: int
    bidder: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed(Auction):
    """Envelopes in force, in order of receipt; nobody is told how many there are (S7)."""

    envelopes: tuple[Envelope, ...] = ()

    def envelope_of(self, bidder: str) -> Envelope | None:
        """The envelope of a bidder that would count now."""
        return next((each for each in self.envelopes if each.bidder == bidder), None)


def set_sha256(envelopes: Iterable[tuple[int, str]]) -> str:
    """The hash that fixes a set of envelopes: lines `receipt sha256`, in order of receipt (S4)."""
    lines = "".join(f"{receipt} {sha256}\n" for receipt, sha256 in sorted(envelopes))
    return hashlib.sha256(lines.encode()).hexdigest()


def due(auction: Sealed, at: datetime) -> list[NumberedEvent]:
    """At the deadline the set of envelopes is fixed; without any the lot ends there.

    A lot of an event waits for the others even so: a bid for the whole may take it.
    """
    if auction.phase != Phase.OPEN or at < auction.ends_at:
        return []
    fixed = EnvelopesFixed(
        seq=auction.seq + 1,
        decided_at=at,
        set_sha256=set_sha256((each.receipt, each.sha256) for each in auction.envelopes),
    )
    if auction.envelopes or auction.terms.in_event:
        return [fixed]
    return [fixed, result(auction, None, seq=auction.seq + 2, at=at)]


def refusal(auction: Sealed, command: BidderCommand, at: datetime) -> Refusal | None:
    """The first rule of the format that a request breaks."""
    if isinstance(command, WithdrawEnvelope):
        if not auction.terms.allows_withdrawal:
            return Refusal.WITHDRAWAL_NOT_ALLOWED
        if auction.envelope_of(command.bidder) is None:
            return Refusal.NO_ENVELOPE
    return None


def accept(auction: Sealed, command: BidderCommand, at: datetime) -> list[Event]:
    """A receipt for what was handed in or taken back."""
    receipt = auction.receipts + 1
    if isinstance(command, SubmitEnvelope):
        return [
            EnvelopeReceived(
                receipt=receipt, decided_at=at, bidder=command.bidder, sha256=command.sha256
            )
        ]
    return [EnvelopeWithdrawn(receipt=receipt, decided_at=at, bidder=command.bidder)]


def opening(
    auction: Sealed, command: OpenEnvelopes | OpenTogether, at: datetime
) -> list[NumberedEvent]:
    """All envelopes in order of receipt, then the result; nothing unless it is all of them (S2).

    A lot of an event is opened together with the others or not at all.
    """
    openings = in_order(auction, command.openings)
    is_together = isinstance(command, OpenTogether)
    if auction.phase != Phase.OPENING or openings is None or is_together != auction.terms.in_event:
        return []
    events: list[NumberedEvent] = []
    for envelope, found in zip(auction.envelopes, openings, strict=True):
        for made in (_package_part(auction, found), _whole_part(auction, found)):
            if made is not None:
                kind, fields = made
                own = {"bidder": envelope.bidder, "receipt": envelope.receipt, **fields}
                events.append(kind(seq=auction.seq + len(events) + 1, decided_at=at, **own))
    seq = auction.seq + len(events) + 1
    award = command.award if isinstance(command, OpenTogether) else None
    if award is None:
        return [*events, result(auction, best_bid(auction, openings), seq=seq, at=at)]
    sold = SoldInWhole(
        seq=seq,
        decided_at=at,
        winner=award.bidder,
        hammer_minor=award.share_minor,
        whole_minor=award.whole_minor,
        event=award.event,
    )
    return [*events, sold]


def in_order(auction: Sealed, openings: Iterable[Opening]) -> list[Opening] | None:
    """One opening for each envelope in force, in their order; None unless it is all of them."""
    found = sorted(openings, key=lambda each: each.receipt)
    return found if [e.receipt for e in found] == [e.receipt for e in auction.envelopes] else None


def best_bid(auction: Sealed, openings: Iterable[Opening]) -> tuple[str, int] | None:
    """The highest valid amount for this lot and its bidder, of equals the earlier receipt (A9)."""
    best: tuple[str, int] | None = None
    for envelope, found in zip(auction.envelopes, openings, strict=True):
        amount_minor = found.amount_minor
        if amount_minor is None or void_reason(auction, amount_minor) is not None:
            continue
        if best is None or amount_minor > best[1]:
            best = (envelope.bidder, amount_minor)
    return best


def void_reason(auction: Sealed, amount_minor: int) -> VoidReason | None:
    """Why an amount for this lot counts for nothing (S8)."""
    return _outside(amount_minor, auction.terms.start_price_minor)


def whole_void_reason(auction: Sealed, found: Opening) -> str:
    """Why a bid for the whole counts for nothing; empty for a valid one."""
    if found.whole_fault:
        return found.whole_fault
    return _outside(found.whole_minor or 0, auction.terms.whole_start_minor or 0) or ""


def _outside(amount_minor: int, least_minor: int) -> VoidReason | None:
    if amount_minor < least_minor:
        return VoidReason.BELOW_START
    return VoidReason.AMOUNT_TOO_LARGE if amount_minor > MAX_BID_MINOR else None


_Made = tuple[type[NumberedEvent], dict[str, Any]]


def _package_part(auction: Sealed, found: Opening) -> _Made | None:
    """What an envelope says of this lot; None where it bids for the whole alone."""
    if found.amount_minor is None:
        is_empty = found.whole_minor is None
        return (EnvelopeVoid, {"reason": VoidReason.UNDECRYPTABLE}) if is_empty else None
    void = void_reason(auction, found.amount_minor)
    if void is not None:
        return EnvelopeVoid, {"reason": void}
    return EnvelopeOpened, {"amount_minor": found.amount_minor}


def _whole_part(auction: Sealed, found: Opening) -> _Made | None:
    if found.whole_minor is None:
        return None
    void = whole_void_reason(auction, found)
    if void:
        return WholeVoid, {"reason": void}
    return WholeOpened, {"amount_minor": found.whole_minor}


def evolve(auction: Sealed, event: Event) -> Sealed:
    """The state after an event of this format."""
    match event:
        case EnvelopeReceived():
            others = tuple(each for each in auction.envelopes if each.bidder != event.bidder)
            new = Envelope(event.receipt, event.bidder, event.sha256)
            return replace(auction, envelopes=(*others, new))
        case EnvelopeWithdrawn():
            rest = tuple(each for each in auction.envelopes if each.bidder != event.bidder)
            return replace(auction, envelopes=rest)
        case EnvelopesFixed():
            return replace(auction, phase=Phase.OPENING)
        case EnvelopeOpened() | EnvelopeVoid() | WholeOpened() | WholeVoid():
            return auction
    raise TypeError(f"no event of a sealed lot: {event}")
