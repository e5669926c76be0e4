"""The protocol of an event: those of its lots, the comparison, the result, one hash."""

import hashlib
import json
from typing import Any

from npa_market.auctions.models import Lot, LotState, SaleEvent
from npa_market.auctions.protocol import canonical, protocol
from npa_market.common.errors import Refused
from npa_market.common.money import minor_digits

VERSION = 2
_WHOLE = ("whole_opened", "whole_void")


def lots_of(event: SaleEvent) -> list[Lot]:
    """The lots in their places."""
    return list(event.lots.select_related("package__seller", "sale_event").order_by("event_place"))


def event_protocol(event: SaleEvent) -> dict[str, Any]:
    """The protocol as a document of plain values. Refused `event_not_over` before the end.

    Labels as in the lots' protocols: `winner` says under which label a bidder who bought the whole
    stands on each lot, and nothing else links labels of different lots (A20). No reserve (A14).
    """
    lots = lots_of(event)
    if not all(lot.is_over for lot in lots):
        raise Refused("event_not_over", "The protocol is made when all lots have ended.")
    protocols = [protocol(lot) for lot in lots]
    lasts = [each["events"][-1] for each in protocols]
    whole_minor = lasts[0].get("whole_minor")
    document = {
        "v": VERSION,
        "event": event.reference,
        "title": event.title,
        "currency": event.currency,
        "decimals": minor_digits(event.currency),
        "lots": protocols,
        "wholes": [
            {
                "receipt": each["refers_to"],
                "bidder": each["bidder"],
                "amount_minor": each["amount_minor"],
                "reason": each["reason"],
            }
            for each in protocols[0]["events"]
            if each["kind"] in _WHOLE
        ],
        "separate": [_separate(lot, each) for lot, each in zip(lots, protocols, strict=True)],
        "winner": {lot.reference: last["bidder"] for lot, last in zip(lots, lasts, strict=True)}
        if whole_minor is not None
        else {},
        "result": {"outcome": event.outcome or "no_whole_bid", "whole_minor": whole_minor},
    }
    return {**document, "chain_sha256": hashlib.sha256(canonical(document)).hexdigest()}


def event_protocol_bytes(event: SaleEvent) -> bytes:
    """The file: readable JSON, the same bytes each time."""
    text = json.dumps(event_protocol(event), indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode()


def _separate(lot: Lot, made: dict[str, Any]) -> dict[str, Any]:
    """What the lot would bring alone: the same where it was, and where the whole took it."""
    entry = {"lot": lot.reference, "bidder": "", "price_minor": None}
    if lot.state == LotState.CANCELLED:
        return {**entry, "reason": "cancelled"}
    opened = [each for each in made["events"] if each["kind"] == "envelope_opened"]
    if not opened:
        return {**entry, "reason": "no_bids"}
    best = min(opened, key=lambda each: (-each["amount_minor"], each["refers_to"]))
    if best["amount_minor"] < (lot.reserve_minor or 0):
        return {**entry, "reason": "reserve_not_met"}
    return {
        **entry, "bidder": best["bidder"], "price_minor": best["amount_minor"], "reason": "",
    }  # fmt: skip
