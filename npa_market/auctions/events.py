"""What is decided about a lot, and why something is refused: plain values.

Bracketed names such as A4 are the invariants of docs/auctions.md.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Refusal(StrEnum):
    """Why a bidder's request was not accepted; checked in this order, the first is answered."""

    WRONG_FORMAT = "wrong_format"
    CLOSED = "closed"
    NOT_OPEN = "not_open"
    LOT_SUSPENDED = "lot_suspended"
    LATE = "late"
    NOT_QUALIFIED = "not_qualified"
    NOT_ADMITTED = "not_admitted"
    NO_DEPOSIT = "no_deposit"
    RELATED_TO_SELLER = "related_to_seller"
    SUSPENDED = "suspended"
    # ascending
    BELOW_START = "below_start"
    BELOW_STEP = "below_step"
    BELOW_OWN_MAXIMUM = "below_own_maximum"
    # sealed
    WITHDRAWAL_NOT_ALLOWED = "withdrawal_not_allowed"
    NO_ENVELOPE = "no_envelope"
    # dutch
    NOT_FALLING = "not_falling"
    STILL_FALLING = "still_falling"
    ACCEPTOR_WAITS = "acceptor_waits"
    ACCEPTOR_ONLY = "acceptor_only"
    BELOW_PRICE = "below_price"
    NOT_ABOVE_PRICE = "not_above_price"
    # negotiated
    NOT_INVITED = "not_invited"
    NO_OFFER = "no_offer"
    OFFER_CHANGED = "offer_changed"
    OFFER_EXPIRED = "offer_expired"
    OWN_OFFER = "own_offer"
    NOT_OWN_OFFER = "not_own_offer"
    NOT_POSITIVE = "not_positive"
    # all
    AMOUNT_TOO_LARGE = "amount_too_large"


class VoidReason(StrEnum):
    """Why an envelope counts for nothing though it arrived in time (S8)."""

    UNDECRYPTABLE = "undecryptable"
    BELOW_START = "below_start"
    AMOUNT_TOO_LARGE = "amount_too_large"


class WholeFault(StrEnum):
    """Why a bid for the whole of an event cannot count, whatever its amount; the first is told."""

    PACKAGE_ENDED = "package_ended"
    NOT_QUALIFIED = "not_qualified"
    NOT_ADMITTED = "not_admitted"
    NO_DEPOSIT = "no_deposit"
    RELATED_TO_SELLER = "related_to_seller"
    SUSPENDED = "suspended"


# --- numbered events: 1..n without gaps (A2) ---------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Numbered:
    seq: int
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(_Numbered):
    """Bidding began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BidAccepted(_Numbered):
    """The bid leads at `amount_minor`; `max_minor` is its hidden maximum where proxies exist."""

    bidder: str
    amount_minor: int
    max_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BidOutbid(_Numbered):
    """A bid up to `max_minor` met a standing maximum at least as high: the leader stays (A9).

    `amount_minor` is the leader's new price, the one figure that others see (A11).
    """

    bidder: str
    amount_minor: int
    max_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaximumRaised(_Numbered):
    """The leader raised its own maximum: neither price nor end moves (A10)."""

    bidder: str
    max_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndExtended(_Numbered):
    """A bid shortly before the end moved the end."""

    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended(_Numbered):
    """Nothing can be bid and no time passes; `since` is when that began (A18)."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(_Numbered):
    """Bidding goes on until `ends_at`."""

    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopesFixed(_Numbered):
    """The deadline passed: `set_sha256` fixes which envelopes will be opened (S4)."""

    set_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeOpened(_Numbered):
    """The amount found in envelope number `receipt`."""

    bidder: str
    receipt: int
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeVoid(_Numbered):
    """Envelope number `receipt` counts for nothing (S8)."""

    bidder: str
    receipt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeOpened(_Numbered):
    """The amount that envelope number `receipt` bids for all lots of the event together."""

    bidder: str
    receipt: int
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeVoid(_Numbered):
    """The bid for the whole in envelope number `receipt` counts for nothing."""

    bidder: str
    receipt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAccepted(_Numbered):
    """Somebody took the falling price; everybody else may exceed it until `ends_at`."""

    bidder: str
    amount_minor: int
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRevealed(_Numbered):
    """The sealed round ended; the acceptor may answer until `ends_at`."""

    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundBidRevealed(_Numbered):
    """One bid of the sealed round, shown when the round is over."""

    bidder: str
    receipt: int
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BestBidPlaced(_Numbered):
    """The acceptor's one answer to the round."""

    bidder: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade(_Numbered):
    """An offer; its number is the offer's. `ends_at` is when it expires."""

    party: str
    bidder: str
    amount_minor: int
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDeclined(_Numbered):
    """The other side turned offer number `offer` down."""

    party: str
    bidder: str
    offer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWithdrawn(_Numbered):
    """A side took its own offer number `offer` back."""

    party: str
    bidder: str
    offer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold(_Numbered):
    """The best valid bid won (A14)."""

    winner: str
    hammer_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldInWhole(Sold):
    """Sold by a bid of `whole_minor` for a whole event; `hammer_minor` is this lot's share."""

    whole_minor: int
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsold(_Numbered):
    """Ended without a winner: `no_bids`, `reserve_not_met`, `no_agreement`."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(_Numbered):
    """The operator ended the lot, or its seller withdrew it (`party`)."""

    reason: str
    party: str = ""


# --- receipts: numbered apart, so that the log of a lot does not tell their count (S7) ---------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receipted:
    receipt: int
    decided_at: datetime
    bidder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeReceived(_Receipted):
    """An envelope arrived in time; any earlier one of the bidder is never opened (S3)."""

    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeWithdrawn(_Receipted):
    """The bidder took its envelope back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundBidReceived(_Receipted):
    """A bid of a dutch lot's sealed round; the bidder's last one counts."""

    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BidRefused:
    """A decision as well, but outside the numbered log: it changes nothing that others see."""

    bidder: str
    amount_minor: int | None
    refusal: Refusal
    decided_at: datetime


NumberedEvent = (
    Opened
    | BidAccepted
    | BidOutbid
    | MaximumRaised
    | EndExtended
    | Suspended
    | Resumed
    | EnvelopesFixed
    | EnvelopeOpened
    | EnvelopeVoid
    | WholeOpened
    | WholeVoid
    | PriceAccepted
    | RoundRevealed
    | RoundBidRevealed
    | BestBidPlaced
    | OfferMade
    | OfferDeclined
    | OfferWithdrawn
    | Sold
    | SoldInWhole
    | Unsold
    | Cancelled
)
ReceiptEvent = EnvelopeReceived | EnvelopeWithdrawn | RoundBidReceived
Event = NumberedEvent | ReceiptEvent | BidRefused
RECEIPTS = (EnvelopeReceived, EnvelopeWithdrawn, RoundBidReceived)
