"""Loans whose title has moved: they can be in no further package (T4)."""

from collections.abc import Iterable
from uuid import UUID

from npa_market.packages.outside import tells_sold_loans
from npa_market.parties.models import Organisation
from npa_market.transfers.models import Ownership


@tells_sold_loans
def loans_of_other_owners(seller: Organisation) -> Iterable[UUID]:
    """Keys of loans on the seller's tapes that somebody else owns now."""
    return (
        Ownership.objects.filter(loan__tape__seller=seller, until=None)
        .exclude(owner=seller)
        .values_list("loan_id", flat=True)
    )
