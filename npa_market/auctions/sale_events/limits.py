"""A buyer's own limits and marks for a bid for the whole: those of all lots together."""

from typing import Any

from django.conf import settings

from npa_market.auctions.guard.door import Guard
from npa_market.auctions.guard.outliers import Yardstick, yardstick_of
from npa_market.auctions.models import Lot
from npa_market.auctions.queries import bidders_of
from npa_market.common.clock import database_now
from npa_market.parties.models import Organisation


def whole_guard(lead: Lot, buyer: Organisation) -> Guard:
    """How a buyer limits itself on a bid for the whole: the sum of its limits on all lots.

    A withdrawn limit on one lot stops such bids, as it stops bids on that lot. Where a lot has no
    limit there is no sum, and the bid passes unless the buyer bids under limits only.
    """
    now = database_now()
    lots = Lot.objects.filter(sale_event=lead.sale_event_id).select_related("package")
    guards = [bidders_of(lot=each, buyers=[buyer.pk], now=now)[buyer.pk].guard for each in lots]
    minors = [each.limit_minor for each in guards]
    is_required = any(each.is_required for each in guards)
    if 0 in minors:
        return Guard(limit_minor=0, is_required=is_required)
    known = [minor for minor in minors if minor is not None]
    return Guard(
        limit_minor=sum(known) if len(known) == len(minors) else None, is_required=is_required
    )


def whole_yardstick(lot: Lot, buyer: Organisation) -> Yardstick | None:
    """What a bid for the whole is measured by: all start prices, the buyer's values of all lots.

    None for a lot that takes no such bid. The own value is known where every lot has one.
    """
    if lot.whole_start_minor is None:
        return None
    lots = Lot.objects.filter(sale_event=lot.sale_event_id).values_list("pk", flat=True)
    yardsticks = [found for key in lots if (found := yardstick_of(key, buyer)) is not None]
    own = [each.own_minor for each in yardsticks if each.own_minor is not None]
    return Yardstick(
        currency=lot.currency,
        price_minor=lot.whole_start_minor,
        own_minor=sum(own) if len(own) == len(yardsticks) else None,
        is_registered=all(each.is_registered for each in yardsticks),
        price_words="the sum of the start prices",
    )


def whole_marks(lot: Lot, buyer: Organisation) -> dict[str, Any]:
    """`whole`: what the page holds an amount for the whole against before it seals it.

    Empty for a lot that takes no such bid.
    """
    yardstick = whole_yardstick(lot, buyer)
    if yardstick is None:
        return {}
    return {
        "whole": {
            "limit_minor": whole_guard(lot, buyer).limit_minor,
            "far_minor": yardstick.price_minor * settings.BID_FAR_ABOVE_PRICE_PERCENT // 100,
            "own_minor": yardstick.own_minor,
        }
    }
