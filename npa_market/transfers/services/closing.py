"""The last step of a deal, taken by the settlement once both books agree."""

from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.evidence.services import record
from npa_market.ledger.queries import open_client_money
from npa_market.parties.models import User
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.services.locking import locked_deal, require_state


@transaction.atomic
def close_deal(*, deal_id: UUID, actor: User | None) -> Deal:
    """Close a delivered deal whose client money is at zero; closed already: nothing changes.

    Called by the settlement, which has authorised `actor`. Raises Refused `deal_state` or
    `client_money_open`.
    """
    deal = locked_deal(deal_id)
    if deal.state == DealState.CLOSED:
        return deal
    require_state(deal, DealState.DELIVERED, "close")
    if open_client_money(deal.lot_id):
        raise Refused("client_money_open", "Client money of this lot is not at zero yet.")
    deal.close(database_now())
    deal.save()
    record(
        type="deal.closed",
        subject=deal,
        actor=actor,
        payload={"reference": deal.reference},
        prev_state=DealState.DELIVERED,
    )
    return deal
