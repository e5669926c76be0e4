"""What opens the envelopes of a lot again after its end: part of the protocol."""

import base64
from typing import Any, cast

from npa_market.auctions.ceremony.documents import terms_sha256
from npa_market.auctions.ceremony.models import LotKeyRecord
from npa_market.auctions.ceremony.openers import bytes_of, revealed_keys
from npa_market.auctions.models import Lot, LotState
from npa_market.auctions.rows import state_of
from npa_market.auctions.sealed import Sealed


def published_key(lot: Lot) -> dict[str, Any]:
    """The keys of a sealed lot that has ended, and the envelopes that were opened.

    `revealed_key` is the bidder's own where the holders stayed away; an envelope that nobody
    revealed has none. Of a cancelled lot nothing is published: its envelopes stay closed (S2).
    """
    key = LotKeyRecord.objects.filter(lot=lot).first()
    rows, revealed = [], {}
    if lot.state != LotState.CANCELLED:
        numbers = [each.receipt for each in cast("Sealed", state_of(lot)).envelopes]
        rows = list(lot.receipt_rows.filter(receipt__in=numbers).order_by("receipt"))
        revealed = revealed_keys(key) if key and not key.private_key else {}
    return {
        "id": str(lot.pk),
        "terms_sha256": terms_sha256(lot),
        "public_key": key.public_key if key else "",
        "private_key": key.private_key if key else "",
        "envelopes": [
            {
                "receipt": row.receipt,
                "envelope": base64.b64encode(bytes_of(row)).decode(),
                "revealed_key": revealed[row.pk].hex() if row.pk in revealed else "",
            }
            for row in rows
        ],
    }
