"""Reads of a sealed lot: its key, and what one bidder has in it."""

from npa_market.auctions.ceremony.models import LotKeyRecord
from npa_market.auctions.models import Lot, LotReceipt, ReceiptKind
from npa_market.parties.models import Organisation


def key_of(lot: Lot) -> LotKeyRecord | None:
    """The key of the lot, once it was set."""
    return LotKeyRecord.objects.filter(lot=lot).first()


def label_of(lot: Lot, buyer: Organisation | None) -> str:
    """The bidder's label on the lot; empty for who is not admitted."""
    registration = lot.registrations.filter(buyer=buyer).first() if buyer else None
    return registration.label if registration else ""


def own_envelope(lot: Lot, buyer: Organisation | None) -> LotReceipt | None:
    """The bidder's own newest envelope, unless it was taken back."""
    if buyer is None:
        return None
    rows = LotReceipt.objects.filter(lot=lot, bidder=buyer).select_related("lot")
    newest = rows.order_by("-receipt").first()
    return newest if newest is not None and newest.kind == ReceiptKind.ENVELOPE else None
