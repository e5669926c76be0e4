"""Permissions on packages: the maker drafts and screens, the checker returns, seals, withdraws."""

import rules

from npa_market.parties.permissions import acts_for, works_at_venue
from npa_market.parties.roles import SELLER_ROLES, VENUE_ROLES, Role

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
    "packages.prove_loan", acts_for("seller", *SELLER_ROLES) | works_at_venue(*VENUE_ROLES)
)
