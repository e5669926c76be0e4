"""Permissions on statements: a finance desk of the deal makes one, each side agrees for itself."""

import rules

from npa_market.parties.permissions import acts_for, works_at_venue
from npa_market.parties.roles import Role

rules.add_perm(
    "settlement.make_statement",
    acts_for("seller", Role.SELLER_FINANCE)
    | acts_for("buyer", Role.BUYER_FINANCE)
    | works_at_venue(Role.VENUE_FINANCE),
)
rules.add_perm("settlement.agree_as_seller", acts_for("deal.seller", Role.SELLER_FINANCE))
rules.add_perm("settlement.agree_as_buyer", acts_for("deal.buyer", Role.BUYER_FINANCE))
