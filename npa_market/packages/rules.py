"""Permissions on packages: the maker drafts and screens, the checker returns, seals, withdraws."""

from typing import TYPE_CHECKING

import rules

from npa_market.parties.permissions import acts_for, works_at_venue
from npa_market.parties.roles import SELLER_ROLES, VENUE_ROLES, Role

if TYPE_CHECKING:
    from npa_market.packages.models import Package
    from npa_market.parties.models import User


@rules.predicate
def reads_salted(user: "User", package: "Package") -> bool:
    """An admitted reader, whom the package's leaves tell nothing beyond the bidder's form."""
    from npa_market.packages.models import PackageReader
    from npa_market.packages.sealed import has_salted_leaves

    admitted = PackageReader.objects.in_force(user).filter(package=package)
    return admitted.exists() and has_salted_leaves(package)


rules.add_perm("packages.draft_package", acts_for("", Role.SELLER_ANALYST))
rules.add_perm("packages.revise_package", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("packages.screen_package", acts_for("seller", Role.SELLER_ANALYST))
rules.add_perm("packages.return_package", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("packages.seal_package", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm(
    "packages.withdraw_draft", acts_for("seller", Role.SELLER_ANALYST, Role.SELLER_APPROVER)
)
rules.add_perm("packages.withdraw_package", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("packages.download_package", acts_for("seller", *SELLER_ROLES))
rules.add_perm(
    "packages.prove_loan",
    acts_for("seller", *SELLER_ROLES) | works_at_venue(*VENUE_ROLES) | reads_salted,
)
