"""Pages of events: list, announcement, the event itself, its protocol."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Max, Min, Sum
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from npa_market.auctions import services
from npa_market.auctions.models import Lot, SaleEvent
from npa_market.auctions.sale_events.board import event_context
from npa_market.auctions.sale_events.forms import EventForm, OfferedRows
from npa_market.auctions.sale_events.protocol import event_protocol, event_protocol_bytes
from npa_market.auctions.sale_events.protocol_pdf import event_protocol_pdf
from npa_market.auctions.sale_events.services import announce_event
from npa_market.auctions.sale_events.tables import SaleEventFilter, SaleEventTable
from npa_market.auctions.views.announcing import free_packages
from npa_market.auctions.views.lots import acting_buyer
from npa_market.auctions.views.protocols import download
from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.common.pages import list_page
from npa_market.evidence.models import Entry
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import Role

MAX_ROWS = 100


@access(MEMBERS)
@require_safe
def event_list(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """Events that this person may see."""
    may_announce = request.user.has_role_in(
        getattr(request.organisation, "pk", None), [Role.SELLER_APPROVER]
    )
    context = {
        "title": "Events",
        "lead": "Several packages of one seller, sold together by sealed bids: each for itself, "
        "or all of them to one buyer.",
        "empty": "No event has been announced yet. An event starts from two sealed packages.",
        "crumb": "Lots / Events",
    }
    if may_announce:
        context |= {"action_url": "new/", "action_label": "Announce an event"}
    rows = SaleEvent.objects.visible_to(request.user).annotate(
        lot_count=Count("lots"),
        whole_start=Sum("lots__start_price_minor"),
        opens=Min("lots__opens_at"),
        ends=Max("lots__ends_at"),
        zone=Min("lots__time_zone"),
    )
    return list_page(request, rows, table=SaleEventTable, filters=SaleEventFilter, context=context)


@access(MEMBERS)
@require_safe
def event_detail(request: MemberRequest, event_id: UUID) -> HttpResponse:
    """The event: its lots, how to bid for the whole, how it was decided."""
    event = visible_event(request, event_id)
    context = event_context(event, acting_buyer(request), database_now())
    context |= {"buyer": acting_buyer(request), "history": Entry.objects.about(event.pk)}
    return render(request, "auctions/event.html", context)


@access(access_for(Role.SELLER_APPROVER))
@require_http_methods(["GET", "HEAD", "POST"])
def event_new(request: MemberRequest) -> HttpResponse:
    """Announce several sealed packages together."""
    packages = list(free_packages(request).order_by("reference")[:MAX_ROWS])
    typed = request.POST if request.method == "POST" else None
    form, rows = EventForm(typed), OfferedRows(packages, typed)
    # Both are read, so that all that is wrong is said at once.
    if typed is not None and all([form.is_valid(), rows.is_valid()]):
        values = form.cleaned_data
        try:
            event = announce_event(
                user=request.user,
                title=values["title"],
                offered=rows.offered,
                timetable=values["timetable"],
                remark=values["remark"],
                contact=values["contact"],
                invitees=values["invitees"],
            )
        except Refused as refusal:
            if not rows.take_refusal(refusal.field or "", refusal.message):
                add_refusal(form, refusal)
        else:
            messages.success(request, f"{event} is announced; the terms of its lots are fixed.")
            return redirect("auctions:event", event.pk)
    context = {"form": form, "rows": rows, "has_packages": len(packages) > 1}
    is_refused = typed is not None
    return render(request, "auctions/event_new.html", context, status=422 if is_refused else 200)


@access(MEMBERS)
@require_safe
def event_protocol_json(request: MemberRequest, event_id: UUID) -> HttpResponse:
    """The protocol for programs; 404 while a lot goes on."""
    event = _ended(request, event_id)
    content = event_protocol_bytes(event)
    return download(content, "application/json", f"{event.reference}-protocol.json")


@access(MEMBERS)
@require_safe
def event_protocol_on_paper(request: MemberRequest, event_id: UUID) -> HttpResponse:
    """The protocol on paper; 404 while a lot goes on."""
    event = _ended(request, event_id)
    content = event_protocol_pdf(event_protocol(event))
    return download(content, "application/pdf", f"{event.reference}-protocol.pdf")


def visible_event(request: MemberRequest, event_id: UUID) -> SaleEvent:
    """The event, its lots brought up to date by the clock; 404 where it is not theirs to see."""
    events = SaleEvent.objects.visible_to(request.user).select_related("seller")
    event = get_object_or_404(events, pk=event_id)
    due = Lot.objects.due(database_now()).filter(sale_event=event)
    for lot_id in list(due.values_list("pk", flat=True)):
        services.try_advance_lot(lot_id=lot_id)
    return event


def _ended(request: MemberRequest, event_id: UUID) -> SaleEvent:
    event = visible_event(request, event_id)
    if not all(lot.is_over for lot in event.lots.all()):
        raise Http404("The protocol is made when all lots have ended.")
    return event
