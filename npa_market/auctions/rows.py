"""Between the rows of a lot and the values that the rules work on."""

from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from npa_market.auctions import core
from npa_market.auctions.core import (
    Ascending,
    Auction,
    Event,
    Format,
    LotTerms,
    NumberedEvent,
    Phase,
    ReceiptEvent,
    announced,
    fold,
)
from npa_market.auctions.models import EventKind, Lot, LotEvent, LotReceipt, ReceiptKind


def terms_of(lot: Lot) -> LotTerms:
    """The terms as announced."""
    return LotTerms(
        start_price_minor=lot.start_price_minor,
        step_minor=lot.step_minor,
        deposit_minor=lot.deposit_minor,
        registration_ends_at=lot.registration_ends_at,
        opens_at=lot.opens_at,
        ends_at=lot.first_end_at,
        hard_end_at=lot.hard_end_at,
        reserve_minor=lot.reserve_minor,
        window_seconds=lot.window_seconds,
        extension_seconds=lot.extension_seconds,
        time_zone=lot.time_zone,
        format=Format(lot.format),
        higher_steps=tuple((price, step) for price, step in lot.higher_steps),
        max_extensions=lot.max_extensions,
        allows_proxy=lot.allows_proxy,
        allows_withdrawal=lot.allows_withdrawal,
        tick_seconds=lot.tick_seconds,
        lowest_price_minor=lot.lowest_price_minor,
        round_seconds=lot.round_seconds,
        best_bid_seconds=lot.best_bid_seconds,
        invited=str(lot.invited_id) if lot.invited_id else "",
        in_event=lot.sale_event_id is not None,
        whole_start_minor=lot.whole_start_minor,
    )


def state_of(lot: Lot) -> Auction:
    """The state of a lot, equal to the fold of its events.

    An ascending lot keeps all of it in its row, so a bid reads one row; the other formats have few
    events and fold them.
    """
    if lot.format != Format.ASCENDING:
        return replace(folded(lot), last_decided_at=lot.last_decided_at)
    return Ascending(
        terms=terms_of(lot),
        ends_at=lot.ends_at,
        hard_end_at=lot.last_end_at,
        phase=Phase(lot.state),
        seq=lot.last_seq,
        receipts=lot.receipts,
        last_decided_at=lot.last_decided_at,
        suspended_since=lot.suspended_since,
        leader=str(lot.leader_id) if lot.leader_id else None,
        leading_minor=lot.leading_minor,
        leader_max_minor=lot.leader_max_minor,
        bids=lot.bids,
        extensions=lot.extensions,
    )


def folded(lot: Lot) -> Auction:
    """The state by the stored events alone. Receipts and events commute: they touch other parts."""
    events: list[Event] = [event_of(row) for row in lot.events.order_by("seq")]
    receipts = lot.receipt_rows.defer("envelope").order_by("receipt")
    return fold(announced(terms_of(lot)), [*events, *map(receipt_of, receipts)])


def keep_state(lot: Lot, auction: Auction) -> None:
    """Write a state into the lot's row (not saved)."""
    lot.ends_at = auction.ends_at
    lot.last_end_at = auction.hard_end_at
    lot.state = auction.phase.value
    lot.last_seq = auction.seq
    lot.receipts = auction.receipts
    lot.last_decided_at = auction.last_decided_at
    lot.suspended_since = auction.suspended_since
    if isinstance(auction, Ascending):
        lot.leader_id = UUID(auction.leader) if auction.leader else None
        lot.leading_minor = auction.leading_minor
        lot.leader_max_minor = auction.leader_max_minor
        lot.bids = auction.bids
        lot.extensions = auction.extensions


def keep_result(lot: Lot, event: Event) -> None:
    """Write winner and price of a sale into the lot's row (not saved)."""
    if isinstance(event, core.Sold):
        lot.winner_id, lot.hammer_minor = UUID(event.winner), event.hammer_minor


STATE_FIELDS = (
    "ends_at",
    "last_end_at",
    "state",
    "last_seq",
    "receipts",
    "last_decided_at",
    "suspended_since",
    "leader",
    "leading_minor",
    "leader_max_minor",
    "bids",
    "extensions",
    "winner",
    "hammer_minor",
)

_KINDS: dict[type, EventKind] = {
    core.Opened: EventKind.OPENED,
    core.BidAccepted: EventKind.BID_ACCEPTED,
    core.BidOutbid: EventKind.BID_OUTBID,
    core.MaximumRaised: EventKind.MAXIMUM_RAISED,
    core.EndExtended: EventKind.END_EXTENDED,
    core.Suspended: EventKind.SUSPENDED,
    core.Resumed: EventKind.RESUMED,
    core.EnvelopesFixed: EventKind.ENVELOPES_FIXED,
    core.EnvelopeOpened: EventKind.ENVELOPE_OPENED,
    core.EnvelopeVoid: EventKind.ENVELOPE_VOID,
    core.WholeOpened: EventKind.WHOLE_OPENED,
    core.WholeVoid: EventKind.WHOLE_VOID,
    core.PriceAccepted: EventKind.PRICE_ACCEPTED,
    core.RoundBidRevealed: EventKind.ROUND_BID_REVEALED,
    core.RoundRevealed: EventKind.ROUND_REVEALED,
    core.BestBidPlaced: EventKind.BEST_BID_PLACED,
    core.OfferMade: EventKind.OFFER_MADE,
    core.OfferDeclined: EventKind.OFFER_DECLINED,
    core.OfferWithdrawn: EventKind.OFFER_WITHDRAWN,
    core.Sold: EventKind.SOLD,
    core.Unsold: EventKind.UNSOLD,
    core.Cancelled: EventKind.CANCELLED,
}
_CLASSES = {kind: event for event, kind in _KINDS.items()}
_RECEIPT_KINDS: dict[type, ReceiptKind] = {
    core.EnvelopeReceived: ReceiptKind.ENVELOPE,
    core.EnvelopeWithdrawn: ReceiptKind.WITHDRAWAL,
    core.RoundBidReceived: ReceiptKind.ROUND_BID,
}
# Columns are named for what they hold, fields for what they mean in their event.
_COLUMNS = {
    "bidder": "bidder_id",
    "winner": "bidder_id",
    "hammer_minor": "amount_minor",
    "receipt": "refers_to",
    "offer": "refers_to",
    "event": "reason",
}


def event_row(lot: Lot, event: NumberedEvent) -> LotEvent:
    """An event as the row that keeps it (not saved)."""
    columns: dict[str, Any] = {}
    for each in fields(event):
        column = _COLUMNS.get(each.name, each.name)
        value = getattr(event, each.name)
        columns[column] = UUID(value) if column == "bidder_id" else value
    is_sale = isinstance(event, core.Sold)
    kind = EventKind.SOLD if is_sale else _KINDS[type(event)]
    return LotEvent(lot=lot, kind=kind, **columns)


def event_of(row: LotEvent) -> NumberedEvent:
    """The event that a row keeps; the inverse of `event_row`."""
    event = core.SoldInWhole if row.whole_minor is not None else _CLASSES[EventKind(row.kind)]
    values: dict[str, Any] = {}
    for each in fields(event):
        column = _COLUMNS.get(each.name, each.name)
        value = getattr(row, column)
        values[each.name] = str(value) if column == "bidder_id" else value
    made: NumberedEvent = event(**values)
    return made


def receipt_row(lot: Lot, event: ReceiptEvent, envelope: bytes | None) -> LotReceipt:
    """What was handed in as a row (not saved; where in the log it stands is the caller's)."""
    return LotReceipt(
        lot=lot,
        receipt=event.receipt,
        kind=_RECEIPT_KINDS[type(event)],
        decided_at=event.decided_at,
        bidder_id=UUID(event.bidder),
        envelope=envelope,
        sha256=getattr(event, "sha256", ""),
        amount_minor=getattr(event, "amount_minor", None),
    )


def receipt_of(row: LotReceipt) -> ReceiptEvent:
    """The inverse of `receipt_row`, without the envelope's bytes."""
    common: dict[str, Any] = {
        "receipt": row.receipt,
        "decided_at": row.decided_at,
        "bidder": str(row.bidder_id),
    }
    match ReceiptKind(row.kind):
        case ReceiptKind.ENVELOPE:
            return core.EnvelopeReceived(sha256=row.sha256, **common)
        case ReceiptKind.WITHDRAWAL:
            return core.EnvelopeWithdrawn(**common)
        case ReceiptKind.ROUND_BID:
            return core.RoundBidReceived(amount_minor=row.amount_minor or 0, **common)
