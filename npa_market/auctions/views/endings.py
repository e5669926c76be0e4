"""A lot ends before its end: cancelled by the operator, withdrawn by its seller."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from npa_market.auctions import services
from npa_market.auctions.forms import ReasonForm
from npa_market.auctions.views.detail import page_of
from npa_market.auctions.views.lots import visible_lot
from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import Role


@access(access_for(Role.OPERATOR))
@require_POST
def lot_cancel(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """End a lot before its end."""
    lot = visible_lot(request, lot_id)
    form = ReasonForm(request.POST, prefix="cancel")
    if form.is_valid():
        try:
            services.cancel_lot(user=request.user, lot_id=lot.pk, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(
                request,
                f"{lot} is cancelled; the reason stands in its notice, which everybody reads.",
            )
            return redirect("auctions:detail", lot.pk)
    return page_of(request, lot, status=422, cancel_form=form)


@access(access_for(Role.SELLER_APPROVER))
@require_POST
def lot_withdraw(request: MemberRequest, lot_id: UUID) -> HttpResponse:
    """Take a lot back before bidding opens."""
    lot = visible_lot(request, lot_id)
    if not may(request.user, "auctions.withdraw_lot", lot):
        raise PermissionDenied("Only the seller's approver withdraws a lot.")
    form = ReasonForm(request.POST, prefix="withdraw")
    if form.is_valid():
        try:
            services.withdraw_lot(user=request.user, lot_id=lot.pk, **form.cleaned_data)
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"{lot} is withdrawn; everybody reads the reason.")
            return redirect("auctions:detail", lot.pk)
    return page_of(request, lot, status=422, withdraw_form=form)
