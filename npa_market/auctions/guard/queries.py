"""The limits of one buyer on one lot, for its own people."""

from typing import Any

from npa_market.auctions.guard.forms import LimitForm
from npa_market.auctions.guard.models import BidLimit, LimitState
from npa_market.auctions.models import Lot
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import may


def own_limits(lot: Lot, buyer: Organisation, user: User) -> list[BidLimit]:
    """Every limit of the buyer on the lot, newest first; nothing for anybody else."""
    rows = BidLimit.objects.visible_to(user).filter(lot=lot, buyer=buyer)
    return list(rows.select_related("proposed_by", "approved_by", "ended_by"))


def limit_context(lot: Lot, buyer: Organisation, user: User) -> dict[str, Any]:
    """The limit's panel: what is in force, what waits, what this person may do about it."""
    limits = own_limits(lot, buyer, user)
    waiting = next((each for each in limits if each.state == LimitState.PROPOSED), None)
    signs = may(user, "auctions.approve_limit", buyer)
    return {
        "limits": limits,
        "limit": next((each for each in limits if each.state == LimitState.IN_FORCE), None),
        "limit_withdrawn": any(each.state == LimitState.WITHDRAWN for each in limits),
        "proposed_limit": waiting,
        "may_propose_limit": may(user, "auctions.propose_limit", buyer),
        "may_withdraw_limit": signs,
        "may_approve_limit": waiting is not None and signs and waiting.proposed_by_id != user.pk,
        "limit_form": LimitForm(lot=lot),
    }
