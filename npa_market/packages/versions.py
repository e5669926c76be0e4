"""Versions of a package: a sealed one never changes, so a change is a new draft after it."""

from dataclasses import asdict, dataclass
from datetime import date
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.evidence.services import record
from npa_market.packages.criteria import read_criteria
from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.packages.outside import bond_of
from npa_market.parties.models import User
from npa_market.parties.permissions import require


@transaction.atomic
def new_version(*, user: User, package_id: UUID, cut_off_date: date | None = None) -> Package:
    """The draft that follows a sealed package; where one was begun and stands, that one.

    A withdrawn one leaves its number behind. The draft starts from the same criteria (tapes left
    open where the cut-off date changes). Sealing it replaces the earlier version; until then the
    earlier one stands. Raises Refused where that one is not sealed or is bound, NotPermitted.
    """
    from npa_market.packages.choosing import chosen

    earlier = Package.objects.select_for_update().get(pk=package_id)
    require(user, "packages.revise_package", earlier)
    begun = earlier.successors.exclude(state=PackageState.WITHDRAWN).first()
    if begun is not None:
        return begun
    if earlier.state != PackageState.SEALED:
        raise Refused("wrong_state", "Only a sealed package has versions; change the draft itself.")
    if bond := bond_of(earlier):
        raise Refused("package_bound", f"{earlier.reference} cannot be replaced: {bond}.")
    criteria = dict(earlier.criteria)
    if cut_off_date not in {None, earlier.cut_off_date}:
        for name in ("tapes", "picked"):  # Another date has other rows.
            criteria.pop(name, None)
    day = cut_off_date or earlier.cut_off_date
    now = chosen(earlier.seller, read_criteria(criteria), earlier.currency, day)
    given = earlier.successors.aggregate(Max("version"))["version__max"]
    version = (given or earlier.version) + 1
    draft = Package.objects.create(
        **asdict(now.totals_to_keep()),
        reference=f"{earlier.reference.split('v')[0]}v{version}",
        seller_id=earlier.seller_id,
        title=earlier.title,
        currency=earlier.currency,
        cut_off_date=day,
        version=version,
        previous=earlier,
        criteria=criteria,
        transfer_basis=earlier.transfer_basis,
        created_by=user,
        created_at=database_now(),
    )
    record(
        type="package.version_begun",
        subject=draft,
        actor=user,
        payload={"reference": draft.reference, "follows": earlier.reference},
    )
    return draft


@dataclass(frozen=True)
class Difference:
    """Loans that a newer sealed version left out and took in."""

    out: int
    taken_in: int


def difference(older: Package, newer: Package) -> Difference:
    """Compare two sealed versions by the seller's loan numbers, as tapes of two dates differ."""

    def numbers(package: Package) -> set[tuple[str, UUID]]:
        members = PackageLoan.objects.filter(package=package)
        return set(members.values_list("loan__loan_number", "loan__borrower_id"))

    before, after = numbers(older), numbers(newer)
    return Difference(out=len(before - after), taken_in=len(after - before))
