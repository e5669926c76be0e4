"""What may be asked of a lot, by the venue, by time and by bidders: plain values.

Bracketed names such as A15 are the invariants of docs/auctions.md.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Party(StrEnum):
    """The two sides of a negotiation."""

    SELLER = "seller"
    BUYER = "buyer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the venue knows about a bidder at the moment of the decision (A15)."""

    is_qualified: bool
    is_admitted: bool
    has_deposit: bool
    is_related_to_seller: bool
    is_suspended: bool


# --- commands of the venue and of time ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Advance:
    """Do what is due by time: open, move to the next stage, settle."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The lot ends before its end: by the operator, or withdrawn by the seller (`party`).

    A seller withdraws before the opening alone; after it others rely on the lot.
    """

    reason: str
    party: str = ""


@dataclass(frozen=True, slots=True)
class Suspend:
    """Stop bidding: by the operator, or because bidding was impossible from `since` on (A18)."""

    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a suspension, with time enough left (A18)."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What was found in one envelope: an amount, or none where it does not open.

    In the first lot of an event it may hold a bid for the whole beside the amount or instead of it;
    `whole_fault` is why its bidder cannot buy the whole (a `WholeFault`), or empty.
    """

    receipt: int
    amount_minor: int | None
    whole_minor: int | None = None
    whole_fault: str = ""


@dataclass(frozen=True, slots=True)
class OpenEnvelopes:
    """All envelopes in force of a sealed lot, opened together (S2)."""

    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True)
class Award:
    """One lot's share of the bid for the whole that won its event."""

    event: str
    bidder: str
    share_minor: int
    whole_minor: int


@dataclass(frozen=True, slots=True)
class OpenTogether:
    """All envelopes of a lot that is decided with the other lots of its event; see `bundle`."""

    openings: tuple[Opening, ...]
    award: Award | None = None


# --- commands of bidders; `bidder` is the key of the institution -------------------------------


@dataclass(frozen=True, slots=True)
class PlaceBid:
    """An amount: ascending (a maximum where the terms allow proxies), or a round of a dutch lot."""

    bidder: str
    amount_minor: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class AcceptPrice:
    """Take the price of a falling lot, at `amount_minor` or whatever less it is by now."""

    bidder: str
    amount_minor: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class SubmitEnvelope:
    """A sealed envelope, known by its hash alone; it replaces the bidder's earlier one (S3)."""

    bidder: str
    sha256: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class WithdrawEnvelope:
    """Take the envelope in force back, where the terms allow it (A16)."""

    bidder: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """An offer of one side; it replaces whatever offer stands."""

    party: Party
    bidder: str
    amount_minor: int
    valid_seconds: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class AcceptOffer:
    """The other side takes offer number `offer`."""

    party: Party
    bidder: str
    offer: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class DeclineOffer:
    """The other side turns offer number `offer` down; talks go on."""

    party: Party
    bidder: str
    offer: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class WithdrawOffer:
    """A side takes its own offer number `offer` back (A16)."""

    party: Party
    bidder: str
    offer: int
    standing: Standing


VenueCommand = Advance | Cancel | Suspend | Resume | OpenEnvelopes | OpenTogether
Answer = AcceptOffer | DeclineOffer | WithdrawOffer
BidderCommand = (
    PlaceBid
    | AcceptPrice
    | SubmitEnvelope
    | WithdrawEnvelope
    | MakeOffer
    | AcceptOffer
    | DeclineOffer
    | WithdrawOffer
)
Command = VenueCommand | BidderCommand
