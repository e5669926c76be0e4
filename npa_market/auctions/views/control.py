"""The operator's control room: every lot under way, its health, and the acts on it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from npa_market.auctions import services
from npa_market.auctions.durability import unsafe_settings
from npa_market.auctions.forms import ReasonForm
from npa_market.auctions.models import Lot, LotFormat, LotState, SaleEvent
from npa_market.auctions.pulse import last_pulse
from npa_market.auctions.state import OUTAGE_LIMIT
from npa_market.auctions.views.lots import visible_lot
from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.parties.access import access, access_for
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import Role

LIVE = (LotState.OPEN, LotState.SUSPENDED, LotState.OPENING)
RECENT = timedelta(minutes=5)
# The sweeper renews the pulse every second; later than this it is worth a look.
LATE_PULSE = timedelta(seconds=10)


@access(access_for(Role.OPERATOR))
@require_safe
def control_room(request: MemberRequest) -> HttpResponse:
    """Lots under way, the next to end first, and what would keep bids from being decided."""
    now = database_now()
    recent = Q(outcomes__decided_at__gte=now - RECENT)
    lots = (
        Lot.objects.visible_to(request.user)
        .filter(state__in=LIVE)
        .annotate(
            decided=Count("outcomes", filter=recent),
            refused=Count("outcomes", filter=recent & ~Q(outcomes__refusal="")),
        )
        .select_related("sale_event")
        .order_by("ends_at")
    )
    places = Lot.objects.order_by("event_place").select_related("key")
    waiting = (
        SaleEvent.objects.visible_to(request.user)
        .filter(decided_at=None, lots__state=LotState.OPENING)
        .distinct()
        .prefetch_related(Prefetch("lots", places.prefetch_related("key__shares")))
    )
    upcoming = Lot.objects.visible_to(request.user).filter(state=LotState.ANNOUNCED)
    context = {
        "lots": lots,
        "events": waiting,
        "upcoming": upcoming.order_by("opens_at")[:20],
        "keyless": Lot.objects.visible_to(request.user)
        .filter(
            format=LotFormat.SEALED,
            key=None,
            state__in=(LotState.ANNOUNCED, LotState.OPEN, LotState.SUSPENDED),
        )
        .order_by("opens_at"),
        "now": now,
        "minutes": int(RECENT.total_seconds() // 60),
        "reason_form": ReasonForm(),
        **_health(now),
    }
    return render(request, "auctions/control.html", context)


def _health(now: datetime) -> dict[str, object]:
    """Pulse and durability in a tone and words."""
    pulse, unsafe = last_pulse(), unsafe_settings()
    if pulse is None:
        tone, words = "bad", "No sweeper has run yet: lots open and end only when somebody looks."
    elif now - pulse > OUTAGE_LIMIT:
        tone, words = (
            "bad",
            "Bidding is not known to be possible; the lost time will be given back.",
        )
    elif now - pulse > LATE_PULSE:
        tone, words = "warn", "The pulse is late: look at the sweeper and the web processes."
    else:
        tone, words = "good", "Bids reach the venue and are decided."
    return {"pulse": pulse, "pulse_tone": tone, "pulse_words": words, "unsafe": unsafe}


@access(access_for(Role.OPERATOR))
@require_POST
def lot_suspend(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Stop bidding for now; every party reads the reason."""
    lot = visible_lot(request, lot_id)
    try:
        services.suspend_lot(
            user=request.user, lot_id=lot.pk, reason=request.POST.get("reason", "")
        )
    except Refused as refusal:
        messages.error(request, f"{lot} was not suspended. {refusal.message}")
    else:
        messages.success(request, f"{lot} is suspended; no time passes for it until it goes on.")
    return redirect("auctions:control")


@access(access_for(Role.OPERATOR))
@require_POST
def lot_resume(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Go on with the time that was left, ten minutes at least."""
    lot = visible_lot(request, lot_id)
    try:
        services.resume_lot(user=request.user, lot_id=lot.pk)
    except Refused as refusal:
        messages.error(request, f"{lot} was not resumed. {refusal.message}")
    else:
        messages.success(request, f"Bidding on {lot} goes on.")
    return redirect("auctions:control")
