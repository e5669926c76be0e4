"""Pages of lots: list, announcement, the lot itself, its end by the operator."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.forms import Form
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from npa_market.auctions import services
from npa_market.auctions.board import bid_rows, events_of, gates, timetable
from npa_market.auctions.board_formats import acts_of, board_of, shown_rows
from npa_market.auctions.feed import feed_event
from npa_market.auctions.filters import LotFilter
from npa_market.auctions.forms import BidForm, DepositForm, ReasonForm
from npa_market.auctions.guard.queries import limit_context
from npa_market.auctions.models import SECRET_FORMATS, Lot, LotFormat, LotState, Registration
from npa_market.auctions.queries import history_of
from npa_market.auctions.tables import LotTable
from npa_market.common.clock import database_now
from npa_market.common.money import format_minor, minor_digits
from npa_market.common.pages import list_page
from npa_market.ledger.models import Hold
from npa_market.parties.access import MEMBERS, access
from npa_market.parties.models import Organisation
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import OrganisationKind, Role
from npa_market.valuation.models import Valuation, ValuationState


def visible_lot(request: MemberRequest, lot_id: UUID) -> Lot:
    """The lot, brought up to date by the clock; 404 where it is not for this person to see."""
    lots = Lot.objects.visible_to(request.user).select_related(
        "package__seller", "leader", "sale_event"
    )
    lot = get_object_or_404(lots, pk=lot_id)
    # The sweeper does this every second; no reader depends on it, and none waits for a lock.
    is_due = Lot.objects.due(database_now()).filter(pk=lot.pk).exists()
    if is_due and services.try_advance_lot(lot_id=lot.pk):
        lot.refresh_from_db()
    return lot


def lot_of_format(request: MemberRequest, lot_id: UUID, kind: LotFormat) -> Lot:
    """The lot where it is sold in this format; 404 elsewhere, as the act has no place there."""
    lot = visible_lot(request, lot_id)
    if lot.format != kind:
        raise Http404
    return lot


def acting_buyer(request: MemberRequest) -> Organisation | None:
    """The institution the person acts for, where it buys."""
    acting = request.organisation
    if acting and acting.kind == OrganisationKind.BUYER:
        return Organisation.objects.get(pk=acting.pk)
    return None


@access(MEMBERS)
@require_safe
def lot_list(request: MemberRequest) -> HttpResponse | StreamingHttpResponse:
    """Lots that this person may see."""
    may_announce = request.user.has_role_in(
        getattr(request.organisation, "pk", None), [Role.SELLER_APPROVER]
    )
    context: dict[str, Any] = {
        "title": "Lots",
        "lead": "Packages offered under fixed terms. Bids are decided by the venue's clock.",
        "empty": "No lot has been announced yet. A lot starts from a sealed package.",
    }
    if may_announce:
        context |= {"action_url": "new/", "action_label": "Announce a lot"}
    events = reverse("auctions:events")
    context["further_actions"] = [(events, "Events of several lots")]
    rows = Lot.objects.visible_to(request.user).select_related("package", "sale_event")
    return list_page(request, rows, table=LotTable, filters=LotFilter, context=context)


def lot_page(
    request: MemberRequest, lot: Lot, *, status: int = 200, **typed: Form | str | None
) -> HttpResponse:
    """Render the page of a lot of any format but the sealed one (see `page_of`).

    `typed` brings back forms that were refused.
    """
    now = database_now()
    events = events_of(lot)
    buyer = acting_buyer(request)
    context: dict[str, Any] = {
        "lot": lot,
        "now": now,
        "package": lot.package,
        "price_minor": lot.leading_minor or lot.start_price_minor,
        "rows": bid_rows(events),
        "stages": timetable(lot, now),
        "extensions": sum(event.kind == "end_extended" for event in events),
        "last_event": events[-1] if events else None,
        "live": _live_data(lot, events, now),
        "digits": minor_digits(lot.currency),
        "sees_reserve": may(request.user, "auctions.see_reserve", lot),
        "history": history_of(lot),
        **bidder_context(lot, buyer, request, now),
        **venue_context(request, lot),
        **seller_context(request, lot, now),
        **typed,
    }
    if lot.format == LotFormat.ASCENDING:
        return render(request, "auctions/detail.html", context, status=status)
    may_act = (
        bool(context.get("may_bid"))
        if buyer
        else may(request.user, "auctions.offer_as_seller", lot)
    )
    context |= {
        "board": board_of(lot, now),
        "shown_events": shown_rows(events),
        "acts": acts_of(lot, buyer=buyer, may_act=may_act, now=now, typed=typed.get("act_form")),
    }
    return render(request, "auctions/format.html", context, status=status)


def bidder_context(
    lot: Lot, buyer: Organisation | None, request: MemberRequest, now: Any
) -> dict[str, Any]:
    """What a buyer sees beside the price: the way to a bid, the form, its own value."""
    if buyer is None:
        return {"buyer": None}
    way = gates(lot=lot, buyer=buyer, now=now)
    registration = lot.registrations.filter(buyer=buyer).first()
    is_signatory = may(request.user, "auctions.place_bid", buyer)
    return {
        "buyer": buyer,
        **limit_context(lot, buyer, request.user),
        "gates": way,
        "own_label": registration.label if registration else "",
        "registration": registration,
        "leads": buyer.pk in {lot.leader_id, lot.winner_id},
        "is_signatory": is_signatory,
        "may_bid": is_signatory and lot.state == LotState.OPEN and all(g.is_met for g in way),
        "form": BidForm(lot=lot, initial={}),
        "step_choices": [1, 2, 5],
        "own_value": Valuation.objects.filter(
            organisation=buyer, package=lot.package_id, state=ValuationState.DONE
        ).first(),
    }


def venue_context(request: MemberRequest, lot: Lot) -> dict[str, Any]:
    """The operator's and venue finance's panel: names of applicants, never their labels."""
    if not request.user.works_for_venue:
        return {"applicants": lot.registrations.count()}
    registrations = list(
        Registration.objects.visible_to(request.user).filter(lot=lot).select_related("buyer")
    )
    holds = {each.buyer_id: each for each in Hold.objects.standing().filter(lot_id=lot.pk)}
    return {
        "registrations": [(each, holds.get(each.buyer_id)) for each in registrations],
        "applicants": len(registrations),
        "decides": may(request.user, "auctions.decide_registration", lot),
        "confirms": may(request.user, "auctions.confirm_deposit", lot),
        "unmatches": may(request.user, "auctions.unmatch_deposit", lot)
        and not (lot.is_over or (lot.format in SECRET_FORMATS and database_now() >= lot.opens_at)),
        "cancels": may(request.user, "auctions.cancel_lot", lot),
        "cancel_form": ReasonForm(prefix="cancel"),
        "reason_form": ReasonForm(),
        "deposit_form": DepositForm(),
    }


def seller_context(request: MemberRequest, lot: Lot, now: datetime) -> dict[str, Any]:
    """What the seller may do with its own lot, and the lots before and after it."""
    visible = Lot.objects.visible_to(request.user)
    later = next((each for each in visible.filter(reannounces=lot) if each.follows), None)
    is_before = lot.state == LotState.ANNOUNCED and now < lot.opens_at
    return {
        "withdraws": is_before and may(request.user, "auctions.withdraw_lot", lot),
        "withdraw_form": ReasonForm(prefix="withdraw"),
        "earlier": visible.filter(pk=lot.follows.pk).first() if lot.follows else None,
        "later": later,
        "invitees": [each.buyer.name for each in lot.invitations.select_related("buyer")]
        if may(request.user, "auctions.see_reserve", lot)
        else [],
        "may_reannounce": lot.is_free_again
        and may(request.user, "auctions.announce_lot", lot.package)
        and not lot.followers.exists(),
    }


def _live_data(lot: Lot, events: list[Any], now: Any) -> dict[str, Any]:
    """What the page's script starts from: public facts and the events so far."""
    return {
        "now": now.isoformat(),
        "seq": lot.last_seq,
        "state": lot.state,
        "opens_at": lot.opens_at.isoformat(),
        "ends_at": lot.ends_at.isoformat(),
        "last_end_at": lot.last_end_at.isoformat(),
        "start_price_minor": lot.start_price_minor,
        "step_minor": lot.step_minor,
        "higher_steps": lot.higher_steps,
        "claim_minor": lot.package.claim_minor,
        "principal_minor": lot.package.principal_minor,
        "digits": minor_digits(lot.currency),
        "currency": lot.currency,
        "symbol": format_minor(0, lot.currency, symbol=True).partition("0")[0],
        "zone": lot.time_zone,
        "events": [feed_event(event, lot.currency) for event in events],
    }
