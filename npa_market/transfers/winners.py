"""Whoever buys a package reads it in its data room until the deal is cancelled."""

from collections.abc import Iterable
from uuid import UUID

from npa_market.diligence.outside import tells_winners
from npa_market.packages.models import Package
from npa_market.transfers.models import Deal, DealState


@tells_winners
def buyers_of(package: Package) -> Iterable[UUID]:
    """Keys of the buyers of the package's deals that stand."""
    deals = Deal.objects.filter(lot__package=package).exclude(state=DealState.CANCELLED)
    return list(deals.values_list("buyer_id", flat=True))
