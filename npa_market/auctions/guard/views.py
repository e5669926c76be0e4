"""The limit's panel on the page of a lot: propose, approve, withdraw."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from npa_market.auctions.guard import services
from npa_market.auctions.guard.forms import LimitChoice, LimitForm
from npa_market.auctions.models import Lot
from npa_market.auctions.views.detail import page_of
from npa_market.auctions.views.lots import acting_buyer, visible_lot
from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.parties.access import access, access_for
from npa_market.parties.models import Organisation
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES


@access(access_for(*BUYER_ROLES))
@require_POST
def limit_propose(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Propose the most that one's institution bids."""
    lot = visible_lot(request, lot_id)
    form = LimitForm(request.POST, lot=lot)

    def act(buyer: Organisation) -> None:
        services.propose_limit(
            user=request.user,
            lot_id=lot.pk,
            buyer=buyer,
            amount_minor=form.cleaned_data["amount_minor"],
        )

    return _done(request, lot, form, act, "Proposed. Another signatory approves it here.")


@access(access_for(*BUYER_ROLES))
@require_POST
def limit_approve(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Put a proposed limit in force."""
    lot = visible_lot(request, lot_id)
    form = LimitChoice(request.POST)

    def act(buyer: Organisation) -> None:
        services.approve_limit(
            user=request.user, lot_id=lot.pk, buyer=buyer, limit_id=form.cleaned_data["limit"]
        )

    return _done(request, lot, form, act, "The limit is in force; a bid above it is stopped.")


@access(access_for(*BUYER_ROLES))
@require_POST
def limit_withdraw(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Drop a proposal, or take a limit out of force."""
    lot = visible_lot(request, lot_id)
    form = LimitChoice(request.POST)

    def act(buyer: Organisation) -> None:
        services.withdraw_limit(
            user=request.user, lot_id=lot.pk, buyer=buyer, limit_id=form.cleaned_data["limit"]
        )

    return _done(request, lot, form, act, "Withdrawn.")


def _done(
    request: MemberRequest, lot: Lot, form: Form, act: Callable[[Organisation], Any], words: str
) -> HttpResponse:
    """Run an act; refused, the page of the lot comes back with what was typed and the reason."""
    buyer = acting_buyer(request)
    if buyer is None:
        messages.error(request, "Choose the buyer you act for first.")
        return redirect("auctions:detail", lot.pk)
    if form.is_valid():
        try:
            act(buyer)
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, words)
            return redirect("auctions:detail", lot.pk)
    if isinstance(form, LimitForm):
        return page_of(request, lot, status=422, limit_form=form)
    reasons = " ".join(str(words) for errors in form.errors.values() for words in errors)
    return page_of(request, lot, status=422, refusal=reasons)
