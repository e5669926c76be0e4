"""Pages of the optimiser and of the split: try first, keep as drafts when it is right."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.forms import add_refusal
from npa_market.packages.picking import (
    DIMENSIONS,
    MEASURES,
    SPLIT_BY,
    draft_pick,
    draft_split,
    try_order,
    try_split,
)
from npa_market.packages.picking_forms import PickForm, SourceForm, SplitForm
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import Role

ANALYSTS = access_for(Role.SELLER_ANALYST)


@access(ANALYSTS)
@require_http_methods(["GET", "HEAD", "POST"])
def package_pick(request: MemberRequest) -> HttpResponse:
    """Pick loans for a target under limits."""
    form = PickForm(request.POST or None, seller=_seller(request))
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        asked: dict[str, Any] = {"source": form.source(), "order": form.order()}
        who: dict[str, Any] = {"user": request.user, "seller": form.seller}
        try:
            if "try" not in request.POST:
                return redirect(draft_pick(**who, **asked, **_kept(form)))
            found = try_order(**who, **asked)
            context |= {"outcome": found.outcome, "currency": form.source().currency}
            context["conflict"] = found.shortfall
            context["measure"] = MEASURES[form.order().measure]
            context["maximised"] = MEASURES[form.order().maximise]
        except Refused as refusal:
            _show(refusal, form)
    return _render(request, "packages/pick.html", context)


@access(ANALYSTS)
@require_http_methods(["GET", "HEAD", "POST"])
def package_split(request: MemberRequest) -> HttpResponse:
    """Split a pool into comparable packages."""
    form = SplitForm(request.POST or None, seller=_seller(request))
    context: dict[str, Any] = {"form": form}
    if form.is_bound and form.is_valid():
        parts = form.cleaned_data["parts"]
        asked: dict[str, Any] = {
            "user": request.user,
            "seller": form.seller,
            "source": form.source(),
        }
        try:
            if "try" not in request.POST:
                draft_split(**asked, parts=parts, **_kept(form))
                found_by = urlencode({"search": form.cleaned_data["title"]})
                return redirect(f"{reverse('packages:list')}?{found_by}")
            found = try_split(**asked, parts=parts)
        except Refused as refusal:
            _show(refusal, form)
        else:
            context |= {
                "rows": found.rows,
                "screened_out": found.outcome["screened_out"],
                "spread": [(MEASURES[k], v) for k, v in found.outcome["spread_percent"].items()],
                "distance": [
                    (DIMENSIONS[k], found.outcome["distance_percent"][k]) for k in SPLIT_BY
                ],
                "currency": form.source().currency,
            }
    return _render(request, "packages/split.html", context)


def _render(request: MemberRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, template, context, status=422 if context["form"].errors else 200)


def _seller(request: MemberRequest) -> Any:
    if not may(request.user, "packages.draft_package", request.organisation):
        raise PermissionDenied("Your role does not open this page.")
    return request.organisation


def _kept(form: SourceForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("title", "transfer_basis")}


def _show(refusal: Refused, form: SourceForm) -> None:
    if isinstance(refusal, NotPermitted):
        raise PermissionDenied(refusal.message)
    add_refusal(form, refusal)
