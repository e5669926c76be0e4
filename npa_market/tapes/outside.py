"""What rooms further along the corridor know of a seller's loans; they register a question here."""

from collections.abc import Callable, Iterable
from uuid import UUID

from npa_market.parties.models import Organisation

SoldLoans = Callable[[Organisation], Iterable[UUID]]
_sold: list[SoldLoans] = []


def tells_sold_loans(question: SoldLoans) -> SoldLoans:
    """Register a function that gives the keys of a seller's loans whose title has moved."""
    if question not in _sold:
        _sold.append(question)
    return question


def sold_loans(seller: Organisation) -> set[UUID]:
    """Keys of the seller's loans that were sold, by every room that knows."""
    return {key for question in _sold for key in question(seller)}
