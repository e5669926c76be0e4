"""From decided events to rows: event log, lot, evidence and outbox in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from npa_market.auctions.ceremony.models import KeyShare, Reveal
from npa_market.auctions.core import (
    RECEIPTS,
    TERMINAL,
    Auction,
    Event,
    NumberedEvent,
    Opened,
    Phase,
    fold,
)
from npa_market.auctions.durability import refuse_unsafe_database
from npa_market.auctions.models import BidOutcome, EventKind, Lot, LotEvent, LotReceipt
from npa_market.auctions.rows import (
    STATE_FIELDS,
    event_row,
    keep_result,
    keep_state,
    receipt_row,
    state_of,
)
from npa_market.common.outbox import publish
from npa_market.evidence.services import Draft, record, record_all
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


@dataclass
class Minutes:
    """What is decided on a locked lot in one transaction: gathered first, then written at once.

    `state` is the state after all that was added; the lot's row is brought up to it by `write`.
    """

    lot: Lot
    state: Auction
    rows: list[LotEvent] = field(default_factory=list)
    answers: list[BidOutcome] = field(default_factory=list)
    entries: list[Draft] = field(default_factory=list)
    has_moved: bool = False

    def add(
        self, events: Sequence[Event], *, actor: User | None, label: str = ""
    ) -> list[LotEvent]:
        """Take down decided events; the (unsaved) rows of the numbered ones, in order.

        `label` is the acting bidder's on this lot; names stand nowhere in the log (A20).
        """
        if any(isinstance(event, Opened) for event in events):
            refuse_unsafe_database()
        before = self.state.phase.value
        self.has_moved = self.has_moved or bool(events)
        self.state = fold(self.state, events)
        rows = [event_row(self.lot, event) for event in events if isinstance(event, NumberedEvent)]
        for event in events:
            keep_result(self.lot, event)
        labels = _labels(self.lot, rows, label)
        for row in rows:
            self.note(
                f"lot.{row.kind}",
                actor=None if row.kind in _BY_TIME else actor,
                payload=_payload(row, labels.get(row.bidder_id, "")),
                before=before,
            )
        self.rows += rows
        return rows

    def note(self, act: str, *, actor: User | None, payload: dict[str, Any], before: str) -> None:
        """An entry of the evidence log on the lot."""
        self.entries.append(
            Draft(type=act, subject=self.lot, actor=actor, payload=payload, prev_state=before)
        )

    def write(self) -> None:
        """Events, lot, answers, evidence, and `lot.ended` once where the lot ended."""
        before = self.lot.state
        LotEvent.objects.bulk_create(self.rows)
        if self.has_moved:
            keep_state(self.lot, self.state)
            self.lot.save(update_fields=STATE_FIELDS)
        BidOutcome.objects.bulk_create(self.answers)
        record_all(self.entries)
        if self.state.phase in TERMINAL and self.lot.state != before:
            body = {"lot_id": str(self.lot.pk), "result": self.state.phase.value}
            publish("lot.ended", body)
            self._erase_keys()

    def _erase_keys(self) -> None:
        """Nobody needs a share after the end, nor what would open a bid that never was (S1)."""
        KeyShare.objects.filter(key__lot=self.lot).update(words_sealed="")
        if self.state.phase == Phase.CANCELLED:
            Reveal.objects.filter(key__lot=self.lot).update(ephemeral_sealed="")


def record_events(
    lot: Lot, events: Sequence[Event], *, actor: User | None, label: str = ""
) -> list[LotEvent]:
    """Write what was decided on a locked lot; the rows of the numbered events, in order."""
    minutes = Minutes(lot, state_of(lot))
    rows = minutes.add(events, actor=actor, label=label)
    minutes.write()
    return rows


def record_receipt(
    minutes: Minutes,
    events: Sequence[Event],
    *,
    actor: User,
    label: str,
    envelope: bytes | None = None,
) -> LotReceipt | None:
    """Write what was handed in secretly, if anything was; its events are taken down already.

    The entry stands on the lot's receipts, not on the lot, so that a lot's history does not tell
    how many there are; nor on the row, whose key would count those of other lots (S7).
    """
    lot = minutes.lot
    for event in events:
        if isinstance(event, RECEIPTS):
            row = receipt_row(lot, event, envelope)
            row.after_seq = minutes.state.seq
            row.save(force_insert=True)
            record(
                type=f"receipt.{row.kind}",
                subject=row,
                object_id=lot.pk.hex,
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
    for name in ("amount_minor", "whole_minor"):
        if getattr(row, name) is not None:
            payload[name] = getattr(row, name)
    for name in ("ends_at", "since"):
        moment = getattr(row, name)
        if moment is not None:
            payload[name] = moment.isoformat()
    for name in ("reason", "party", "refers_to", "set_sha256"):
        if getattr(row, name):
            payload[name] = getattr(row, name)
    return payload
