"""The protocol of a lot that has ended: terms, every event, receipts, refusals, result, hashes.

Made from rows alone, so it is the same whenever it is asked for. It holds labels in place of names
(A20), no reserve (A14), and of the winner no maximum above the price that was paid (A11). Of sealed
bids it holds the envelopes and what opens them, so that anybody can open them again.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from npa_market.auctions.ceremony.published import published_key
from npa_market.auctions.models import ENDED, EventKind, Lot, LotEvent, LotFormat
from npa_market.auctions.state import STANDING_REFUSALS
from npa_market.common.errors import Refused
from npa_market.common.money import minor_digits

VERSION = 2
_TERMS = (
    "start_price_minor", "step_minor", "deposit_minor", "window_seconds", "extension_seconds",
    "higher_steps", "max_extensions", "allows_proxy", "allows_withdrawal", "tick_seconds",
    "lowest_price_minor", "round_seconds", "best_bid_seconds",
)  # fmt: skip
_TERMINAL = (EventKind.SOLD, EventKind.UNSOLD, EventKind.CANCELLED)


def canonical(document: Any) -> bytes:
    """Canonical JSON (RFC 8785) of texts, integers, lists and objects with ASCII keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def protocol(lot: Lot) -> dict[str, Any]:
    """The protocol as a document of plain values. Refused `lot_not_over` before the end."""
    if lot.state not in ENDED:
        raise Refused("lot_not_over", "The protocol is made when the lot has ended.")
    labels = dict(lot.registrations.exclude(label="").values_list("buyer_id", "label"))
    events = [_event(row, lot, labels) for row in lot.events.order_by("seq")]
    document = {
        "v": VERSION,
        "lot": lot.reference,
        "title": lot.title,
        "package": lot.package.reference,
        "package_sha256": lot.package.content_sha256,
        "format": lot.format,
        "currency": lot.currency,
        "decimals": minor_digits(lot.currency),
        "terms": _terms(lot),
    }
    if lot.sale_event is not None:
        document["event"] = {"event": lot.sale_event.reference, "place": lot.event_place}
    if lot.format == LotFormat.SEALED:
        document["key"] = published_key(lot)
    document["events"] = events
    document["receipts"] = list(_receipts(lot, labels))
    document["refusals"] = list(_refusals(lot, labels))
    document["result"] = _result(events[-1])
    return chained_anew(document)


def chained_anew(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the hash of each entry over itself and all before it, and the last."""
    parts = ("events", "receipts", "refusals")
    left_out = {*parts, "result", "chain_sha256"}
    head = {name: value for name, value in document.items() if name not in left_out}
    made = dict(document)
    chain = hashlib.sha256(canonical(head)).hexdigest()
    for name in parts:
        made[name], chain = _chained(document[name], chain)
    last = chain.encode() + canonical(document["result"])
    made["chain_sha256"] = hashlib.sha256(last).hexdigest()
    return made


def protocol_bytes(lot: Lot) -> bytes:
    """The file: readable JSON, the same bytes each time."""
    text = json.dumps(protocol(lot), indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode()


def _chained(entries: Iterable[dict[str, Any]], chain: str) -> tuple[list[dict[str, Any]], str]:
    """Each entry with the hash over itself and all before it."""
    chained = []
    for hashed in entries:
        entry = {name: value for name, value in hashed.items() if name != "hash"}
        chain = hashlib.sha256(chain.encode() + canonical(entry)).hexdigest()
        chained.append({**entry, "hash": chain})
    return chained, chain


def _terms(lot: Lot) -> dict[str, Any]:
    return {name: getattr(lot, name) for name in _TERMS} | {
        "opens_at": _time(lot.opens_at),
        "ends_at": _time(lot.first_end_at),
        "hard_end_at": _time(lot.hard_end_at),
        "time_zone": lot.time_zone,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _event(row: LotEvent, lot: Lot, labels: dict[Any, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "seq": row.seq,
        "kind": row.kind,
        "at": _time(row.decided_at),
        "bidder": labels.get(row.bidder_id, ""),
        "amount_minor": row.amount_minor,
        "ends_at": _time(row.ends_at),
        "since": _time(row.since),
        "reason": row.reason,
        "party": row.party,
        "refers_to": row.refers_to,
        "set_sha256": row.set_sha256,
    }
    if lot.sale_event_id is not None:
        entry["whole_minor"] = row.whole_minor
    if lot.allows_proxy:
        entry["max_minor"] = None if _is_hidden(row, lot) else row.max_minor
    return entry


def _is_hidden(row: LotEvent, lot: Lot) -> bool:
    """A maximum above the last price was never reached, so nobody learns it; a check reads it as
    "above every price of this lot", which is all that mattered."""
    price_minor = lot.leading_minor
    return row.max_minor is None or price_minor is None or row.max_minor > price_minor


def _receipts(lot: Lot, labels: dict[Any, str]) -> Iterable[dict[str, Any]]:
    """What was handed in; amounts of a sealed round stand in the events that revealed them."""
    for row in lot.receipt_rows.defer("envelope").order_by("receipt"):
        yield {
            "receipt": row.receipt,
            "kind": row.kind,
            "at": _time(row.decided_at),
            "bidder": labels.get(row.bidder_id, ""),
            "sha256": row.sha256,
        }


def _refusals(lot: Lot, labels: dict[Any, str]) -> Iterable[dict[str, Any]]:
    """What was asked and refused: by the rules of the lot one by one, by standing as a number.

    Whether papers or a deposit were in order is the bidder's own affair (A20): such a refusal has
    no label, time, amount or reason, from which rivals could tell whose it is.
    """
    refused = lot.outcomes.exclude(refusal="").order_by("decided_at", "pk")
    hides_amount = lot.allows_proxy or lot.format in {"sealed", "dutch"}
    for row in refused.exclude(refusal__in=STANDING_REFUSALS):
        yield {
            "at": _time(row.decided_at),
            "bidder": labels.get(row.buyer_id, ""),
            "amount_minor": None if hides_amount else _exact(row.amount_minor),
            "refusal": row.refusal,
        }
    for _ in range(refused.filter(refusal__in=STANDING_REFUSALS).count()):
        yield {"at": None, "bidder": "", "amount_minor": None, "refusal": "not_entitled"}


def _exact(amount_minor: int | None) -> int | str | None:
    """Beyond 2**53 - 1 a JSON reader may round; such an amount stands as text."""
    if amount_minor is None or abs(amount_minor) < 2**53:
        return amount_minor
    return str(amount_minor)


def _result(last: dict[str, Any]) -> dict[str, Any]:
    assert last["kind"] in _TERMINAL
    return {
        "state": last["kind"],
        "winner": last["bidder"],
        "hammer_minor": last["amount_minor"],
        "reason": last["reason"],
    }
