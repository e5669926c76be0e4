"""The start of every service on a deal: the row locked, the state checked in words."""

from uuid import UUID

from npa_market.common.errors import Refused
from npa_market.transfers.models import Deal, DealState


def locked_deal(deal_id: UUID) -> Deal:
    """The deal, locked until the transaction ends. Raises Deal.DoesNotExist."""
    deal: Deal = Deal.objects.select_for_update().get(pk=deal_id)
    return deal


def require_state(deal: Deal, state: DealState, act: str) -> None:
    """Refuse an act (`deal_state`) for which the deal is not in the drawn state (T1)."""
    if deal.state != state:
        raise Refused(
            "deal_state",
            f"{deal.reference} is {deal.get_state_display().lower()}; to {act} it must be"
            f" {state.label.lower()}.",
        )
