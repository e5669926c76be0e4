"""From decided events to rows: event log, lot, evidence and outbox in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from npa_market.auctions.core import (
    TERMINAL,
    BidRefused,
    Event,
    fold,
)
from npa_market.auctions.models import EventKind, Lot, LotEvent
from npa_market.auctions.rows import STATE_FIELDS, event_row, keep_state, state_of
from npa_market.common.outbox import publish
from npa_market.evidence.services import record
from npa_market.parties.models import User


def record_events(
    lot: Lot, events: Sequence[Event], *, actor: User | None, label: str = ""
) -> list[LotEvent]:
    """Write what was decided on a locked lot; the rows of the numbered events, in order.

    `label` is the bidder's on this lot; names stand nowhere in the log (A20). A terminal event
    publishes `lot.ended` once.
    """
    if not events:
        return []
    before = lot.state
    after = fold(state_of(lot), events)
    rows = LotEvent.objects.bulk_create(
        [event_row(lot, event) for event in events if not isinstance(event, BidRefused)]
    )
    keep_state(lot, after)
    lot.save(update_fields=STATE_FIELDS)
    for row in rows:
        record(
            type=f"lot.{row.kind}",
            subject=lot,
            actor=actor if row.kind in {EventKind.BID_ACCEPTED, EventKind.CANCELLED} else None,
            payload=_payload(row, label),
            prev_state=before,
        )
    if rows and after.phase in TERMINAL:
        publish("lot.ended", {"lot_id": str(lot.pk), "result": after.phase.value})
    return rows


def _payload(row: LotEvent, label: str) -> dict[str, Any]:
    """What the log says of an event: facts that every bidder saw as well."""
    payload: dict[str, Any] = {
        "lot": row.lot.reference,
        "seq": row.seq,
        "decided_at": row.decided_at.isoformat(),
    }
    if row.amount_minor is not None:
        payload |= {"bidder": label, "amount_minor": row.amount_minor}
    if row.ends_at is not None:
        payload["ends_at"] = row.ends_at.isoformat()
    if row.reason:
        payload["reason"] = row.reason
    return payload
