"""Forms around a registration: apply, decide, withdraw, match the deposit and unmatch it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from npa_market.auctions import services
from npa_market.auctions.forms import DepositForm, ReasonForm
from npa_market.auctions.models import Registration
from npa_market.auctions.views.detail import page_of
from npa_market.auctions.views.lots import acting_buyer, visible_lot
from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.parties.access import access, access_for
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES, Role


@access(access_for(*BUYER_ROLES))
@require_POST
def lot_register(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Apply to bid on a lot."""
    lot = visible_lot(request, lot_id)
    buyer = acting_buyer(request)
    if buyer is None:
        messages.error(request, "Choose the buyer you act for first.")
        return redirect("auctions:detail", lot.pk)
    try:
        services.register_for_lot(user=request.user, lot_id=lot.pk, buyer=buyer)
    except Refused as refusal:
        return page_of(request, lot, status=refusal.status, refusal=refusal.message)
    messages.success(request, "Your application is with the operator. Now pay the deposit.")
    return redirect("auctions:detail", lot.pk)


@access(access_for(Role.OPERATOR))
@require_POST
def registration_admit(request: MemberRequest, registration_id: UUID) -> HttpResponse:
    """Let an applicant bid."""
    registration = _visible(request, registration_id)
    return _act(
        request, registration, Form(request.POST), services.admit_registration, "is admitted."
    )


@access(access_for(Role.OPERATOR))
@require_POST
def registration_refuse(request: MemberRequest, registration_id: UUID) -> HttpResponse:
    """Turn an applicant away with a reason."""
    registration = _visible(request, registration_id)
    form = ReasonForm(request.POST)
    return _act(
        request, registration, form, services.refuse_registration, "is refused and reads why."
    )


@access(access_for(Role.VENUE_FINANCE))
@require_POST
def deposit_confirm(request: MemberRequest, registration_id: UUID) -> HttpResponse:
    """Record that a deposit arrived."""
    registration = _visible(request, registration_id)
    form = DepositForm(request.POST)
    return _act(request, registration, form, services.confirm_deposit, "has its deposit held.")


@access(access_for(Role.VENUE_FINANCE, Role.OPERATOR))
@require_POST
def deposit_unmatch(request: MemberRequest, registration_id: UUID) -> HttpResponse:
    """Take a wrong match of a bank line with a deposit back."""
    registration = _visible(request, registration_id)
    form = ReasonForm(request.POST)
    return _act(
        request, registration, form, services.unmatch_deposit, "has no deposit matched any more."
    )


@access(access_for(*BUYER_ROLES))
@require_POST
def registration_withdraw(request: MemberRequest, registration_id: UUID) -> HttpResponse:
    """Take one's own application back."""
    registration = _visible(request, registration_id)
    return _act(
        request,
        registration,
        Form(request.POST),
        services.withdraw_registration,
        "has withdrawn its application; a deposit that was held is paid back.",
    )


def _visible(request: MemberRequest, registration_id: UUID) -> Registration:
    rows = Registration.objects.visible_to(request.user).select_related("buyer")
    return get_object_or_404(rows, pk=registration_id)


def _act(
    request: MemberRequest,
    registration: Registration,
    form: Form,
    service: Callable[..., Any],
    done: str,
) -> HttpResponse:
    """Call the service with what the form holds; refused, show the lot with the reason."""
    if form.is_valid():
        try:
            service(user=request.user, registration_id=registration.pk, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{registration.buyer} {done}")
            return redirect("auctions:detail", registration.lot_id)
    words = " ".join(str(message) for errors in form.errors.values() for message in errors)
    lot = visible_lot(request, registration.lot_id)
    return page_of(request, lot, status=422, refusal=f"{registration.buyer}: {words}")
