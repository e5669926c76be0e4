"""What the page of an event shows: its lots, one's own way to each, and how it was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from npa_market.auctions.board import gates
from npa_market.auctions.models import Lot, LotState, SaleEvent
from npa_market.auctions.sale_events.protocol import event_protocol, lots_of
from npa_market.parties.models import Organisation

ANNOUNCED, BIDDING, OPENING, ENDED = "Announced", "Bidding", "Awaits opening", "Ended"
TONES = {ANNOUNCED: "info", BIDDING: "good", OPENING: "warn", ENDED: ""}


def stage_of(lots: Sequence[Lot]) -> str:
    """Where an event stands: as far as the lot that is least far."""
    states = {lot.state for lot in lots if not lot.is_over}
    if not states:
        return ENDED
    if LotState.ANNOUNCED in states:
        return ANNOUNCED
    return BIDDING if states & {LotState.OPEN, LotState.SUSPENDED} else OPENING


@dataclass(frozen=True, slots=True)
class LotRow:
    """One lot: what is still missing on the own way to a bid, what it would bring alone.

    `missing` is None for people who buy nothing; `alone` is empty before the end.
    """

    lot: Lot
    missing: list[str] | None
    alone: dict[str, Any]


def rows_of(lots: Sequence[Lot], buyer: Organisation | None, now: datetime) -> list[LotRow]:
    """The lots in their places, with the buyer's way to each."""
    return [
        LotRow(
            lot,
            None
            if buyer is None
            else [gate.title for gate in gates(lot=lot, buyer=buyer, now=now) if not gate.is_met],
            {},
        )
        for lot in lots
    ]


def event_context(event: SaleEvent, buyer: Organisation | None, now: datetime) -> dict[str, Any]:
    """Everything that the page of an event shows to this person."""
    lots = lots_of(event)
    stage = stage_of(lots)
    rows = rows_of(lots, buyer, now)
    context: dict[str, Any] = {
        "event": event,
        "lots": lots,
        "lead": lots[0],
        "rows": rows,
        "stage": stage,
        "stage_tone": TONES[stage],
        "whole_start_minor": lots[0].whole_start_minor,
        "is_whole_possible": not any(lot.state == LotState.CANCELLED for lot in lots),
        "may_bid_whole": buyer is not None and not any(row.missing for row in rows),
    }
    return context | (_decided(event, rows) if stage == ENDED else {})


def _decided(event: SaleEvent, rows: list[LotRow]) -> dict[str, Any]:
    """The comparison as the protocol has it, beside the lots that it speaks of."""
    document = event_protocol(event)
    told = zip(rows, document["separate"], strict=True)
    separate = [each["price_minor"] or 0 for each in document["separate"]]
    return {
        "rows": [LotRow(row.lot, row.missing, alone) for row, alone in told],
        "wholes": sorted(document["wholes"], key=lambda each: -(each["amount_minor"] or 0)),
        "separate_minor": sum(separate),
        "whole_minor": document["result"]["whole_minor"],
        "winner_label": document["winner"].get(rows[0].lot.reference, ""),
        "winner": rows[0].lot.winner if document["winner"] else None,
        "chain": document["chain_sha256"],
    }
