"""Permissions on valuations: who may run one, and who sees the seller's reserve."""

from dataclasses import dataclass

import rules

from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import acts_for
from npa_market.parties.roles import Role
from npa_market.valuation.models import TapeForm, Valuation
from npa_market.valuation.tape import tape_form

SELLER_RUNNERS = (Role.VALUER, Role.SELLER_ANALYST)
BUYER_RUNNERS = (Role.BUYER_ANALYST,)


@dataclass(frozen=True)
class Commission:
    """A run somebody asks for: of this package, on behalf of this institution."""

    package: Package
    organisation: Organisation

    @property
    def tape(self) -> TapeForm:
        """In which form the rows are read for this institution."""
        return tape_form(self.package, self.organisation)


@rules.predicate
def may_run(user: User, commission: Commission | None) -> bool:
    """The seller's valuers and analysts; analysts of a buyer that may read the package now."""
    if commission is None:
        return False
    package, organisation = commission.package, commission.organisation
    if organisation.pk == package.seller_id:
        return user.has_role_in(organisation.pk, SELLER_RUNNERS)
    is_reader = package.readers.filter(reader=organisation, revoked_at=None).exists()
    return is_reader and user.has_role_in(organisation.pk, BUYER_RUNNERS)


@rules.predicate
def is_sellers_own(user: User, valuation: Valuation | None) -> bool:
    """A reserve exists in the seller's own runs alone."""
    return valuation is not None and valuation.is_sellers_own


rules.add_perm("valuation.request_valuation", may_run)
rules.add_perm("valuation.manage_run", acts_for("organisation", *SELLER_RUNNERS, *BUYER_RUNNERS))
rules.add_perm("valuation.fit", acts_for("", *SELLER_RUNNERS, *BUYER_RUNNERS))
rules.add_perm(
    "valuation.see_reserve",
    is_sellers_own & acts_for("organisation", Role.VALUER, Role.SELLER_APPROVER),
)
