"""Permissions on deals: each side signs for itself, venue finance records money, two release."""

import rules

from npa_market.parties.permissions import acts_for, works_at_venue
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES, VENUE_ROLES, Role

rules.add_perm("transfers.sign_as_seller", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("transfers.sign_as_buyer", acts_for("buyer", Role.BUYER_SIGNATORY))
rules.add_perm("transfers.exclude_loans", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("transfers.record_payment", works_at_venue(Role.VENUE_FINANCE))
rules.add_perm("transfers.cancel_deal", works_at_venue(Role.OPERATOR, Role.COMPLIANCE))
rules.add_perm(
    "transfers.release_first",
    acts_for("seller", Role.SELLER_ANALYST, Role.SELLER_APPROVER, Role.SELLER_FINANCE),
)
rules.add_perm("transfers.release_second", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("transfers.erase_package_copies", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("transfers.take_delivery", acts_for("buyer", *BUYER_ROLES))
rules.add_perm(
    "transfers.confirm_receipt", acts_for("buyer", Role.BUYER_SIGNATORY, Role.BUYER_ANALYST)
)
rules.add_perm(
    "transfers.read_contract",
    acts_for("seller", *SELLER_ROLES)
    | acts_for("buyer", *BUYER_ROLES)
    | works_at_venue(*VENUE_ROLES),
)
