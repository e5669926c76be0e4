"""Between the rows of a lot and the values that the rules work on."""

from typing import Any
from uuid import UUID

from npa_market.auctions import core
from npa_market.auctions.core import Ascending, Event, LotTerms, NumberedEvent, Phase
from npa_market.auctions.models import EventKind, Lot, LotEvent


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
    )


def state_of(lot: Lot) -> Ascending:
    """The state as the lot's row keeps it: equal to the fold of its events, one row read."""
    return Ascending(
        terms=terms_of(lot),
        ends_at=lot.ends_at,
        hard_end_at=lot.hard_end_at,
        phase=Phase(lot.state),
        seq=lot.last_seq,
        last_decided_at=lot.last_decided_at,
        leader=str(lot.leader_id) if lot.leader_id else None,
        leading_minor=lot.leading_minor,
        bids=lot.bids,
    )


def keep_state(lot: Lot, auction: Ascending) -> None:
    """Write a state into the lot's row (not saved)."""
    lot.ends_at = auction.ends_at
    lot.state = auction.phase.value
    lot.last_seq = auction.seq
    lot.last_decided_at = auction.last_decided_at
    lot.leader_id = UUID(auction.leader) if auction.leader else None
    lot.leading_minor = auction.leading_minor
    lot.bids = auction.bids
    if auction.phase == Phase.SOLD:
        lot.winner_id, lot.hammer_minor = lot.leader_id, lot.leading_minor


STATE_FIELDS = (
    "ends_at",
    "state",
    "last_seq",
    "last_decided_at",
    "leader",
    "leading_minor",
    "bids",
    "winner",
    "hammer_minor",
)


def event_row(lot: Lot, event: Event) -> LotEvent:
    """An event as the row that keeps it (not saved)."""
    columns: dict[str, Any] = {}
    match event:
        case core.Opened():
            kind = EventKind.OPENED
        case core.BidAccepted():
            kind = EventKind.BID_ACCEPTED
            columns = {"bidder_id": UUID(event.bidder), "amount_minor": event.amount_minor}
        case core.EndExtended():
            kind = EventKind.END_EXTENDED
            columns = {"ends_at": event.ends_at}
        case core.Sold():
            kind = EventKind.SOLD
            columns = {"bidder_id": UUID(event.winner), "amount_minor": event.hammer_minor}
        case core.Unsold():
            kind = EventKind.UNSOLD
            columns = {"reason": event.reason}
        case core.Cancelled():
            kind = EventKind.CANCELLED
            columns = {"reason": event.reason}
        case _:
            raise TypeError(f"no row for {event}")
    return LotEvent(lot=lot, seq=event.seq, kind=kind, decided_at=event.decided_at, **columns)


def event_of(row: LotEvent) -> NumberedEvent:
    """The event that a row keeps; the inverse of `event_row`."""
    numbered: dict[str, Any] = {"seq": row.seq, "decided_at": row.decided_at}
    match EventKind(row.kind):
        case EventKind.OPENED:
            return core.Opened(**numbered)
        case EventKind.BID_ACCEPTED:
            return core.BidAccepted(
                bidder=str(row.bidder_id), amount_minor=_amount(row), **numbered
            )
        case EventKind.END_EXTENDED:
            if row.ends_at is None:
                raise ValueError(f"extension {row.pk} without a new end")
            return core.EndExtended(ends_at=row.ends_at, **numbered)
        case EventKind.SOLD:
            return core.Sold(winner=str(row.bidder_id), hammer_minor=_amount(row), **numbered)
        case EventKind.UNSOLD:
            return core.Unsold(reason=row.reason, **numbered)
        case EventKind.CANCELLED:
            return core.Cancelled(reason=row.reason, **numbered)


def _amount(row: LotEvent) -> int:
    if row.amount_minor is None:
        raise ValueError(f"event {row.pk} without an amount")
    return row.amount_minor
