"""From decided events to rows: event log, lot, evidence and outbox in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from npa_market.auctions.core import (
    RECEIPTS,
    TERMINAL,
    Event,
    NumberedEvent,
    fold,
)
from npa_market.auctions.models import EventKind, Lot, LotEvent, LotReceipt
from npa_market.auctions.rows import (
    STATE_FIELDS,
    event_row,
    keep_result,
    keep_state,
    receipt_row,
    state_of,
)
from npa_market.common.outbox import publish
from npa_market.evidence.services import record
from npa_market.parties.models import User

# What a person asked for; everything else follows from time or from the rules.
_BY_TIME = frozenset(
    {
        EventKind.OPENED,
        EventKind.END_EXTENDED,
        EventKind.ENVELOPES_FIXED,
        EventKind.ROUND_BID_REVEALED,
        EventKind.ROUND_REVEALED,
        EventKind.SOLD,
        EventKind.UNSOLD,
    }
)


def record_events(
    lot: Lot, events: Sequence[Event], *, actor: User | None, label: str = ""
) -> list[LotEvent]:
    """Write what was decided on a locked lot; the rows of the numbered events, in order.

    `label` is the acting bidder's on this lot; names stand nowhere in the log (A20). A terminal
    event publishes `lot.ended` once.
    """
    if not events:
        return []
    before = lot.state
    after = fold(state_of(lot), events)
    rows = LotEvent.objects.bulk_create(
        [event_row(lot, event) for event in events if isinstance(event, NumberedEvent)]
    )
    keep_state(lot, after)
    for event in events:
        keep_result(lot, event)
    lot.save(update_fields=STATE_FIELDS)
    labels = _labels(lot, rows, label)
    for row in rows:
        record(
            type=f"lot.{row.kind}",
            subject=lot,
            actor=None if row.kind in _BY_TIME else actor,
            payload=_payload(row, labels.get(row.bidder_id, "")),
            prev_state=before,
        )
    if rows and after.phase in TERMINAL:
        publish("lot.ended", {"lot_id": str(lot.pk), "result": after.phase.value})
    return rows


def record_receipt(
    lot: Lot, events: Sequence[Event], *, actor: User, label: str, envelope: bytes | None = None
) -> LotReceipt | None:
    """Write what was handed in secretly, if anything was; call `record_events` as well.

    The entry stands on the receipt, not on the lot, so that a lot's history does not tell how many
    there are (S7).
    """
    for event in events:
        if isinstance(event, RECEIPTS):
            row = receipt_row(lot, event, envelope)
            row.save(force_insert=True)
            record(
                type=f"receipt.{row.kind}",
                subject=row,
                actor=actor,
                payload={
                    "lot": lot.reference,
                    "receipt": row.receipt,
                    "bidder": label,
                    "decided_at": row.decided_at.isoformat(),
                    "sha256": row.sha256,
                    "amount_minor": row.amount_minor,
                },
            )
            return row
    return None


def _labels(lot: Lot, rows: Sequence[LotEvent], label: str) -> dict[Any, str]:
    """Labels by institution, without a statement where the acting bidder's is enough."""
    bidders = {row.bidder_id for row in rows if row.bidder_id}
    if len(bidders) == 1 and label:
        return dict.fromkeys(bidders, label)
    if not bidders:
        return {}
    return dict(lot.registrations.filter(buyer__in=bidders).values_list("buyer_id", "label"))


def _payload(row: LotEvent, label: str) -> dict[str, Any]:
    """What the log says of an event: facts that every bidder saw as well, never a maximum (A11)."""
    payload: dict[str, Any] = {
        "lot": row.lot.reference,
        "seq": row.seq,
        "decided_at": row.decided_at.isoformat(),
    }
    if row.bidder_id is not None:
        payload["bidder"] = label
    if row.amount_minor is not None:
        payload["amount_minor"] = row.amount_minor
    for name in ("ends_at", "since"):
        moment = getattr(row, name)
        if moment is not None:
            payload[name] = moment.isoformat()
    for name in ("reason", "party", "refers_to", "set_sha256"):
        if getattr(row, name):
            payload[name] = getattr(row, name)
    return payload
