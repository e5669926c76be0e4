"""What rooms further along the corridor know of a seller's loans; they register a question here."""

from collections.abc import Callable, Iterable
from uuid import UUID

from npa_market.parties.models import Organisation
from npa_market.tapes.models import Tape

SoldLoans = Callable[[Organisation], Iterable[UUID]]
_sold: list[SoldLoans] = []


def tells_sold_loans(question: SoldLoans) -> SoldLoans:
    """Register a function that gives the keys of a seller's loans whose title has moved."""
    if question not in _sold:
        _sold.append(question)
    return question


TapeUse = Callable[[Tape], str]
_uses: list[TapeUse] = []


def tells_tape_use(question: TapeUse) -> TapeUse:
    """Register a function that says, in words, what needs a tape's identities; "" for nothing."""
    if question not in _uses:
        _uses.append(question)
    return question


def tape_uses(tape: Tape) -> list[str]:
    """Everything that needs a tape's identities, in words."""
    return [use for question in _uses if (use := question(tape))]


def sold_loans(seller: Organisation) -> set[UUID]:
    """Keys of the seller's loans that were sold, by every room that knows."""
    return {key for question in _sold for key in question(seller)}
