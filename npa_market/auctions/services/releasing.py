"""A sale that came to nothing: the package of a sold lot is its seller's to offer again."""

from uuid import UUID

from django.db import transaction

from npa_market.auctions.locking import busy_when_locked, lock_lot
from npa_market.auctions.models import Lot, LotState
from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.evidence.services import record
from npa_market.parties.models import User
from npa_market.parties.permissions import require


@transaction.atomic
def release_sold_lot(*, user: User, lot_id: UUID) -> Lot:
    """Set the package of a sold lot free, as the act of whoever ends its deal (O2).

    For the room of deals, in the transaction that cancels one: this room knows of no deal. Each lot
    of an event has its own deal, so the others stand as they are. Events, result and protocol of
    the lot do not change. Released already: nothing changes. Raises UnknownLot, NotPermitted,
    Refused `lot_not_sold`, Busy.
    """
    with busy_when_locked():
        lot = lock_lot(lot_id)
    require(user, "auctions.release_sold_lot", lot)
    if lot.released_at is not None:
        return lot
    if lot.state != LotState.SOLD:
        raise Refused("lot_not_sold", f"{lot.reference} is not sold; there is no sale to undo.")
    lot.released_at = database_now()
    lot.save(update_fields=["released_at"])
    record(
        type="lot.sale_released",
        subject=lot,
        actor=user,
        payload={"lot": lot.reference, "package": lot.package.reference},
        prev_state=lot.state,
    )
    return lot
