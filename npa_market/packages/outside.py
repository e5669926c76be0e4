"""What rooms further along the corridor know: loans already sold, packages bound to a lot.

Imports never go forward, so those rooms register a question here in `AppConfig.ready`, and who
is told when a package ends.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

from django.db.models import Q

from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.parties.models import Organisation, User
from npa_market.tapes.models import Tape
from npa_market.tapes.outside import tells_sold_loans as tells_sold_loans_to_tapes
from npa_market.tapes.outside import tells_tape_use
from npa_market.tapes.revealing import sealed_under

SoldLoans = Callable[[Organisation], Iterable[UUID]]
Bond = Callable[[Package], str]
Ending = Callable[[Package, User], None]
_sold: list[SoldLoans] = []
_bonds: list[Bond] = []
_endings: list[Ending] = []


def tells_sold_loans(question: SoldLoans) -> SoldLoans:
    """Register a function that gives the keys of a seller's loans whose title has moved."""
    if question not in _sold:
        _sold.append(question)
    return question


def tells_bond(question: Bond) -> Bond:
    """Register a function that names, in words, what binds a package now; "" where nothing does.

    A bound package can be neither withdrawn nor replaced.
    """
    if question not in _bonds:
        _bonds.append(question)
    return question


def hears_of_end(ending: Ending) -> Ending:
    """Register what a later room does in the transaction that withdraws or replaces a package."""
    if ending not in _endings:
        _endings.append(ending)
    return ending


def sold_loans(seller: Organisation) -> set[UUID]:
    """Keys of the seller's loans that were sold, by every room that knows."""
    return {key for question in _sold for key in question(seller)}


tells_sold_loans_to_tapes(sold_loans)


@tells_tape_use
def sealed_packages(tape: Tape) -> str:
    """Sealed packages deliver identities; withdrawn and replaced ones do not.

    A borrower's identity stays under the key of the tape that brought it first, so a package of a
    later tape needs that key too.
    """
    members = PackageLoan.objects.filter(package__state=PackageState.SEALED)
    for needed, words in (
        (Q(loan__tape=tape), "holds loans of this tape"),
        (Q(loan__borrower__in=sealed_under(tape)), "delivers borrowers that this tape brought"),
    ):
        if member := members.filter(needed).select_related("package").first():
            return f"package {member.package.reference} {words}"
    return ""


def bond_of(package: Package) -> str:
    """The first bond on a package, in words; "" where it is free."""
    return next((bond for question in _bonds if (bond := question(package))), "")


def tell_of_end(package: Package, user: User) -> None:
    """Let later rooms end what stands on a sealed package that this person ends.

    Called with the package locked, before the entry is recorded.
    """
    for ending in _endings:
        ending(package, user)
