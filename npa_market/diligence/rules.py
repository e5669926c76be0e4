"""Permissions on reports and data rooms."""

import rules

from npa_market.diligence.models import DataRoom
from npa_market.diligence.queries import readers_in_force
from npa_market.parties.models import User
from npa_market.parties.permissions import acts_for, works_at_venue
from npa_market.parties.roles import SELLER_ROLES, Role

_VENUE = works_at_venue(Role.OPERATOR, Role.COMPLIANCE, Role.AUDITOR)


@rules.predicate
def is_admitted(user: User, room: DataRoom | None) -> bool:
    """True while a buyer of this user is admitted and the room is open, or that buyer has won."""
    if room is None:
        return False
    return bool(readers_in_force(room).filter(buyer__in=user.organisation_ids()).exists())


rules.add_perm(
    "diligence.make_report",
    acts_for("seller", Role.SELLER_ANALYST, Role.VALUER, Role.SELLER_APPROVER),
)
rules.add_perm("diligence.open_room", acts_for("seller", Role.SELLER_APPROVER))
rules.add_perm("diligence.close_room", acts_for("package.seller", Role.SELLER_APPROVER))
rules.add_perm("diligence.sign_nda", acts_for("", Role.BUYER_SIGNATORY))
rules.add_perm(
    "diligence.revoke_admission",
    acts_for("room.package.seller", Role.SELLER_APPROVER) | works_at_venue(Role.COMPLIANCE),
)
rules.add_perm(
    "diligence.take_document", acts_for("package.seller", *SELLER_ROLES) | _VENUE | is_admitted
)
rules.add_perm("diligence.read_access_log", acts_for("package.seller", *SELLER_ROLES) | _VENUE)
