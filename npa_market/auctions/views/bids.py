"""The bid form: amount, review, confirm; the same with htmx and as plain pages."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from npa_market.auctions import services
from npa_market.auctions.board import refusal_ahead
from npa_market.auctions.forms import BidForm
from npa_market.auctions.guard.outliers import (
    Typed,
    Unconfirmed,
    require_confirmed,
    yardstick_of,
)
from npa_market.auctions.models import BidOutcome, EventKind, Lot, LotFormat
from npa_market.auctions.rows import state_of
from npa_market.auctions.views.lots import acting_buyer, bidder_context, lot_of_format
from npa_market.auctions.wording import ABOUT_THE_AMOUNT, refusal_message
from npa_market.common.clock import database_now
from npa_market.common.errors import Busy, Refused
from npa_market.common.fields import uuid7
from npa_market.common.money import format_minor
from npa_market.parties.access import access, access_for
from npa_market.parties.models import Organisation
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES


@access(access_for(*BUYER_ROLES))
@require_http_methods(["GET", "HEAD", "POST"])
def lot_bid(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Review a bid on an ascending lot, then place it; a GET shows the empty form.

    The number of the request is made at the review, so a double click, a resend after a lost
    answer or a second tab of the same review is one bid (A3).
    """
    lot = lot_of_format(request, lot_id, LotFormat.ASCENDING)
    buyer = acting_buyer(request)
    if buyer is None:
        messages.error(request, "Choose the buyer you act for first.")
        return redirect("auctions:detail", lot.pk)
    if request.method != "POST":
        return _panel(request, lot, buyer, BidForm(lot=lot))
    form = BidForm(request.POST, lot=lot)
    if not form.is_valid():
        return _panel(request, lot, buyer, form, status=422)
    if request.POST.get("act") == "confirm" and form.cleaned_data["request_id"]:
        return _confirm(request, lot, buyer, form)
    if request.POST.get("act") == "change":
        changed = BidForm(lot=lot, initial=form.cleaned_data)
        changed.take_focus()
        return _panel(request, lot, buyer, changed)
    amount_minor = form.cleaned_data["amount_minor"]
    refusal = refusal_ahead(lot=lot, buyer=buyer, amount_minor=amount_minor)
    if refusal is not None and refusal in ABOUT_THE_AMOUNT:
        form.add_error("amount", refusal_message(refusal, state_of(lot), lot.currency))
        return _panel(request, lot, buyer, form, status=422)
    review = _review(lot, buyer, amount_minor, uuid7())
    return _panel(request, lot, buyer, form, review=review)


def _review(lot: Lot, buyer: Organisation, amount_minor: int, request_id: UUID) -> dict[str, Any]:
    yardstick = yardstick_of(lot.pk, buyer)
    return {
        "warnings": yardstick.warnings(amount_minor) if yardstick else [],
        "amount_minor": amount_minor,
        "amount": format_minor(amount_minor, lot.currency),
        "over_minor": amount_minor - lot.leading_minor if lot.leading_minor else None,
        "request_id": request_id,
    }


def _confirm(request: MemberRequest, lot: Lot, buyer: Organisation, form: BidForm) -> HttpResponse:
    amount_minor = form.cleaned_data["amount_minor"]
    request_id = form.cleaned_data["request_id"]
    typed = Typed(
        amount_minor=amount_minor,
        confirmed_minor=form.cleaned_data["confirmed_minor"],
        request_id=request_id,
    )
    try:
        require_confirmed(yardstick_of(lot.pk, buyer), buyer, typed)
        outcome = services.place_bid(
            user=request.user,
            lot_id=lot.pk,
            buyer=buyer,
            amount_minor=amount_minor,
            request_id=request_id,
        )
    except Busy as busy:
        # The review stays with its number, so pressing again is the same request.
        review = _review(lot, buyer, amount_minor, request_id) | {"busy": busy.message}
        answer = _panel(request, lot, buyer, form, review=review, status=busy.status)
        answer["Retry-After"] = str(busy.retry_after_seconds)
        return answer
    except Unconfirmed:
        words = f"Type {format_minor(amount_minor, lot.currency)} as it stands above."
        review = _review(lot, buyer, amount_minor, request_id) | {"confirm_error": words}
        return _panel(request, lot, buyer, form, review=review, status=422)
    except Refused as refusal:
        form.add_error("amount" if refusal.field == "amount" else None, refusal.message)
        return _panel(request, lot, buyer, form, status=refusal.status)
    lot.refresh_from_db()
    if outcome.refusal:
        beside = "amount" if outcome.refusal in ABOUT_THE_AMOUNT else None
        form.add_error(beside, outcome.message)
        return _panel(request, lot, buyer, form, status=409, outcome=outcome)
    if request.htmx:
        return _panel(request, lot, buyer, BidForm(lot=lot), outcome=outcome)
    messages.success(request, f"Accepted. {accepted_words(outcome, lot)}")
    return redirect("auctions:detail", lot.pk)


def accepted_words(outcome: BidOutcome, lot: Lot) -> str:
    """What became of an accepted bid: with maxima it may be beaten at once, or change nothing."""
    assert outcome.event, "an accepted bid has its event"
    amount = format_minor(outcome.amount_minor or 0, lot.currency, symbol=True)
    if outcome.event.kind == EventKind.BID_OUTBID:
        price = format_minor(lot.leading_minor or 0, lot.currency, symbol=True)
        return (
            f"Your bid of {amount} was beaten at once: another bidder's maximum is higher and "
            f"leads at {price}."
        )
    if outcome.event.kind == EventKind.MAXIMUM_RAISED:
        return f"Your maximum is now {amount}. You lead as before."
    return f"Your bid of {amount} took the lead."


def _panel(
    request: MemberRequest,
    lot: Lot,
    buyer: Organisation,
    form: BidForm,
    *,
    status: int = 200,
    review: dict[str, Any] | None = None,
    outcome: BidOutcome | None = None,
) -> HttpResponse:
    """The bid panel alone for htmx, a page around it without.

    What answers a request takes the focus, which would fall to the top of the page else: the field
    with a fault, or the note.
    """
    if form.errors and not form.non_field_errors():
        form.take_focus()
    context = {
        "lot": lot,
        "package": lot.package,
        **bidder_context(lot, buyer, request, database_now()),
        "form": form,
        "review": review,
        "outcome": outcome,
        "accepted": accepted_words(outcome, lot) if outcome and not outcome.refusal else "",
    }
    template = "auctions/_bid_panel.html" if request.htmx else "auctions/bid.html"
    return render(request, template, context, status=status)
