"""The page of a lot, as its format shows it."""

from collections.abc import Callable
from uuid import UUID

from django.forms import Form
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from npa_market.auctions.models import Lot, LotFormat
from npa_market.auctions.views.lots import lot_page, visible_lot
from npa_market.auctions.views.sealed import sealed_page
from npa_market.parties.access import MEMBERS, access
from npa_market.parties.requests import MemberRequest

_PAGES: dict[str, Callable[..., HttpResponse]] = {LotFormat.SEALED: sealed_page}


@access(MEMBERS)
@require_safe
def lot_detail(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """The lot: price or envelope, end, the person's own next step."""
    return page_of(request, visible_lot(request, lot_id))


def page_of(
    request: MemberRequest, lot: Lot, *, status: int = 200, **typed: Form | str
) -> HttpResponse:
    """The page that the lot's format has; `typed` brings back forms that were refused."""
    return _PAGES.get(lot.format, lot_page)(request, lot, status=status, **typed)
