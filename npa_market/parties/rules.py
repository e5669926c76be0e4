"""Permissions on institutions."""

import rules

from npa_market.parties.permissions import acts_for, works_at_venue
from npa_market.parties.roles import BUYER_ROLES, Role

rules.add_perm("parties.decide_qualification", works_at_venue(Role.OPERATOR))
rules.add_perm("parties.set_bid_limit_rule", works_at_venue(Role.OPERATOR))
rules.add_perm("parties.manage_own", acts_for("", *BUYER_ROLES))
