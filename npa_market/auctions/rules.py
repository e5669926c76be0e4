"""Permissions on lots, registrations and bids."""

import rules

from npa_market.parties.permissions import acts_for, works_at_venue
from npa_market.parties.roles import SELLER_ROLES, Role

rules.add_perm("auctions.announce_lot", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("auctions.withdraw_lot", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("auctions.keep_terms", acts_for("", Role.SELLER_APPROVER))
rules.add_perm("auctions.see_reserve", acts_for("seller", *SELLER_ROLES))
rules.add_perm("auctions.register_for_lot", acts_for("", Role.BUYER_SIGNATORY))
rules.add_perm("auctions.withdraw_registration", acts_for("buyer", Role.BUYER_SIGNATORY))
rules.add_perm("auctions.place_bid", acts_for("", Role.BUYER_SIGNATORY))
rules.add_perm("auctions.propose_limit", acts_for("", Role.BUYER_ANALYST, Role.BUYER_SIGNATORY))
rules.add_perm("auctions.approve_limit", acts_for("", Role.BUYER_SIGNATORY))
rules.add_perm("auctions.decide_registration", works_at_venue(Role.OPERATOR))
rules.add_perm("auctions.confirm_deposit", works_at_venue(Role.VENUE_FINANCE))
rules.add_perm("auctions.unmatch_deposit", works_at_venue(Role.VENUE_FINANCE, Role.OPERATOR))
rules.add_perm("auctions.cancel_lot", works_at_venue(Role.OPERATOR))
rules.add_perm("auctions.release_sold_lot", works_at_venue(Role.OPERATOR, Role.COMPLIANCE))
rules.add_perm("auctions.suspend_lot", works_at_venue(Role.OPERATOR))
rules.add_perm("auctions.offer_as_seller", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("auctions.set_lot_key", works_at_venue(Role.OPERATOR))
rules.add_perm("auctions.hand_in_seller_share", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("auctions.hand_in_compliance_share", works_at_venue(Role.COMPLIANCE))
rules.add_perm("auctions.hand_in_notary_share", works_at_venue(Role.NOTARY))
