"""What follows the end of a lot, after its commit."""

from typing import Any
from uuid import UUID

from npa_market.auctions.models import Lot, LotState
from npa_market.common.outbox import handles
from npa_market.transfers.services import award_deal, release_deposits


@handles("lot.ended")
def settle_ended_lot(body: dict[str, Any]) -> None:
    """Award a sold lot; refund every deposit of one that ended without a winner. Idempotent."""
    lot = Lot.objects.get(pk=UUID(body["lot_id"]))
    if lot.state == LotState.SOLD:
        award_deal(lot_id=lot.pk)
    else:
        release_deposits(lot_id=lot.pk)
