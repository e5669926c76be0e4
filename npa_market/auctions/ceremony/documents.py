"""Files of a sealed lot: the bidder's sheet, signed receipts, the checkpoint of envelopes."""

import hashlib
from collections.abc import Sequence
from typing import Any

import rfc8785

from npa_market.auctions.models import Lot, LotReceipt, SaleEvent
from npa_market.auctions.sealed import Envelope
from npa_market.common.money import minor_digits
from npa_market.common.signing import signed


def terms_sha256(lot: Lot) -> str:
    """The hash of the terms that bidders read; the reserve is none of them."""
    document: dict[str, Any] = {
        "package_sha256": lot.package.content_sha256,
        "format": lot.format,
        "currency": lot.currency,
        "start_price_minor": lot.start_price_minor,
        "deposit_minor": lot.deposit_minor,
        "allows_withdrawal": lot.allows_withdrawal,
        "registration_ends_at": lot.registration_ends_at.isoformat(),
        "opens_at": lot.opens_at.isoformat(),
        "ends_at": lot.first_end_at.isoformat(),
    }
    if lot.sale_event is not None:
        document["event"] = event_terms(lot.sale_event)
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def event_terms(event: SaleEvent) -> dict[str, Any]:
    """Which lots are sold together; bound into every envelope, so none fits another event (S6)."""
    lots = event.lots.select_related("package").order_by("event_place")
    return {
        "event": event.reference,
        "lots": [
            {
                "lot": each.reference,
                "package_sha256": each.package.content_sha256,
                "start_price_minor": each.start_price_minor,
            }
            for each in lots
        ],
    }


def labels_of(lot: Lot) -> dict[str, str]:
    """The labels of a lot's bidders by the key of their institution."""
    rows = lot.registrations.exclude(label="").values_list("buyer_id", "label")
    return {str(buyer): label for buyer, label in rows}


def sheet_of(lot: Lot, label: str) -> dict[str, Any]:
    """What a bidder needs to seal a bid; `offline/seal.py` and the page read it alike."""
    sheet = {
        "v": 1,
        "lot": str(lot.pk),
        "reference": lot.reference,
        "bidder": label,
        "currency": lot.currency,
        "decimals": minor_digits(lot.currency),
        "terms_sha256": terms_sha256(lot),
        "public_key": lot.key.public_key,
        "start_price_minor": lot.start_price_minor,
        "ends_at": lot.ends_at.isoformat(),
    }
    if lot.sale_event is not None and lot.whole_start_minor is not None:
        lots = event_terms(lot.sale_event)["lots"]
        sheet["whole"] = {
            "event": lot.sale_event.reference,
            "lots": [each["lot"] for each in lots],
            "start_price_minor": lot.whole_start_minor,
        }
    return sheet


def signed_receipt(row: LotReceipt, label: str) -> dict[str, Any]:
    """The venue's signed word that an envelope was handed in, and when.

    It has no number: the number would tell how many others were handed in before (S7).
    """
    return signed(
        {
            "v": 1,
            "use": "npa-market envelope receipt 1",
            "lot": str(row.lot_id),
            "reference": row.lot.reference,
            "bidder": label,
            "kind": row.kind,
            "envelope_sha256": row.sha256,
            "received_at": row.decided_at.isoformat(),
        }
    )


def checkpoint_of(lot: Lot, envelopes: Sequence[Envelope], set_sha256: str) -> dict[str, Any]:
    """The signed note that fixes the set of envelopes before any share is accepted (S4)."""
    labels = labels_of(lot)
    return signed(
        {
            "v": 1,
            "use": "npa-market envelope checkpoint 1",
            "lot": str(lot.pk),
            "reference": lot.reference,
            "public_key": lot.key.public_key,
            "terms_sha256": terms_sha256(lot),
            "set_sha256": set_sha256,
            "envelopes": [
                {"receipt": each.receipt, "bidder": labels[each.bidder], "sha256": each.sha256}
                for each in envelopes
            ],
        }
    )
