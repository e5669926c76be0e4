"""A package in a lot is bound: it can be neither withdrawn nor replaced."""

from npa_market.auctions.models import LotState
from npa_market.packages.models import Package
from npa_market.packages.outside import tells_bond

# A package that was sold is gone; one that stayed unsold or was cancelled may come again.
BINDING = (
    LotState.ANNOUNCED,
    LotState.OPEN,
    LotState.SUSPENDED,
    LotState.OPENING,
    LotState.SOLD,
)


@tells_bond
def lot_that_binds(package: Package) -> str:
    """Words for the lot that holds the package now; "" where none does."""
    lot = package.lots.filter(state__in=BINDING).first()
    return f"it is in {lot.reference} ({lot.get_state_display().lower()})" if lot else ""
