"""Sealed bids: one envelope in force per bidder, opened together, best price wins and is paid.

An envelope is opaque here: a number, a bidder, a hash. What is inside comes with the opening.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from npa_market.auctions.commands import (
    BidderCommand,
    OpenEnvelopes,
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
    VoidReason,
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
    """At the deadline the set of envelopes is fixed; without any the lot ends there."""
    if auction.phase != Phase.OPEN or at < auction.ends_at:
        return []
    fixed = EnvelopesFixed(
        seq=auction.seq + 1,
        decided_at=at,
        set_sha256=set_sha256((each.receipt, each.sha256) for each in auction.envelopes),
    )
    if auction.envelopes:
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


def opening(auction: Sealed, command: OpenEnvelopes, at: datetime) -> list[NumberedEvent]:
    """All envelopes in order of receipt, then the result; nothing unless it is all of them (S2)."""
    found = {each.receipt: each.amount_minor for each in command.openings}
    due_receipts = [each.receipt for each in auction.envelopes]
    is_complete = len(found) == len(command.openings) and sorted(found) == due_receipts
    if auction.phase != Phase.OPENING or not is_complete:
        return []
    events: list[NumberedEvent] = []
    best: tuple[str, int] | None = None
    for seq, envelope in enumerate(auction.envelopes, auction.seq + 1):
        amount_minor = found[envelope.receipt]
        void = _void_reason(auction, amount_minor)
        if void is not None or amount_minor is None:
            events.append(
                EnvelopeVoid(
                    seq=seq,
                    decided_at=at,
                    bidder=envelope.bidder,
                    receipt=envelope.receipt,
                    reason=void or VoidReason.UNDECRYPTABLE,
                )
            )
            continue
        events.append(
            EnvelopeOpened(
                seq=seq,
                decided_at=at,
                bidder=envelope.bidder,
                receipt=envelope.receipt,
                amount_minor=amount_minor,
            )
        )
        if best is None or amount_minor > best[1]:  # A9: of equals the earlier receipt.
            best = (envelope.bidder, amount_minor)
    last = result(auction, best, seq=auction.seq + len(events) + 1, at=at)
    return [*events, last]


def _void_reason(auction: Sealed, amount_minor: int | None) -> VoidReason | None:
    if amount_minor is None:
        return VoidReason.UNDECRYPTABLE
    if amount_minor < auction.terms.start_price_minor:
        return VoidReason.BELOW_START
    return VoidReason.AMOUNT_TOO_LARGE if amount_minor > MAX_BID_MINOR else None


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
        case EnvelopeOpened() | EnvelopeVoid():
            return auction
    raise TypeError(f"no event of a sealed lot: {event}")
