"""The live feed of a lot as server-sent events, and the same by asking now and then."""

from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import (
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.views.decorators.http import require_GET, require_safe

from npa_market.auctions.board import events_of
from npa_market.auctions.feed import feed_event, has_more, stream
from npa_market.auctions.models import Lot
from npa_market.auctions.views.lots import visible_lot
from npa_market.common.clock import database_now
from npa_market.parties.access import MEMBERS, access
from npa_market.parties.requests import MemberRequest


@access(MEMBERS)
@require_GET
async def lot_feed(request: MemberRequest, lot_id: UUID) -> HttpResponseBase:
    """Events after `Last-Event-ID` (or `?after=`), then each new one as it is decided.

    204 tells the browser not to come back: the lot is over and all was sent, or the server has no
    event loop to wait in (a WSGI server), where the page asks `state/` instead.
    """
    lot = await sync_to_async(visible_lot)(request, lot_id)
    after = min(_last_seen(request), lot.last_seq)
    if not isinstance(request, ASGIRequest) or not has_more(lot, after):
        return HttpResponse(status=204)
    events = stream(
        lot_id=lot.pk,
        user_id=request.user.pk,
        session_key=request.session.session_key or "",
        after=after,
    )
    answer = StreamingHttpResponse(
        _without_connection(events), content_type="text/event-stream; charset=utf-8"
    )
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"
    return answer


async def _without_connection(events: AsyncIterator[str]) -> AsyncIterator[str]:
    # A request keeps its connection until the answer ends; this answer lasts for hours.
    await sync_to_async(connections.close_all)()
    async for text in events:
        yield text


@access(MEMBERS)
@require_safe
def lot_state(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Where the lot stands and the events after `?after=`, for pages without the live feed."""
    lot: Lot = visible_lot(request, lot_id)
    return JsonResponse(
        {
            "now": database_now().isoformat(),
            "seq": lot.last_seq,
            "state": lot.state,
            "ends_at": lot.ends_at.isoformat(),
            "events": [
                feed_event(event, lot.currency) for event in events_of(lot, _last_seen(request))
            ],
        },
        headers={"Cache-Control": "no-store"},
    )


def _last_seen(request: MemberRequest) -> int:
    """Number of the last event the reader has; anything unreadable counts as none."""
    text = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
