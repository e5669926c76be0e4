"""A package in a lot is bound: it can be neither withdrawn nor replaced."""

from npa_market.packages.models import Package
from npa_market.packages.outside import tells_bond


@tells_bond
def lot_that_binds(package: Package) -> str:
    """Words for the lot that holds the package now; "" where none does."""
    lot = package.lots.binding().first()
    return f"it is in {lot.reference} ({lot.get_state_display().lower()})" if lot else ""
