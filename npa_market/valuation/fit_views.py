"""Pages of calibrations: list, new, one with its diagnostics and its JSON."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from npa_market.common.errors import Refused
from npa_market.common.files import read_stored
from npa_market.common.forms import add_refusal
from npa_market.common.pages import list_page
from npa_market.evidence.models import Entry
from npa_market.parties.access import access
from npa_market.parties.requests import MemberRequest
from npa_market.valuation.fit_page import fit_context
from npa_market.valuation.fits import fit_to_file, fit_to_package
from npa_market.valuation.forms import FitForm
from npa_market.valuation.histories import KNOWN
from npa_market.valuation.models import Fit, ValuationState
from npa_market.valuation.queries import calibrations, fitted_calibration
from npa_market.valuation.tables import FitTable
from npa_market.valuation.views import READERS, RUNNERS


@access(READERS)
@require_safe
def fit_list(request: MemberRequest) -> HttpResponseBase:
    """The institution's own calibrations, and the references that ship."""
    context: dict[str, Any] = {
        "title": "Calibrations",
        "lead": "How loans pay, fitted to your own history. Seen by your institution alone.",
        "empty": "No calibration of your own yet; runs use a reference, not fitted to your loans.",
        "references": calibrations(),
    }
    if RUNNERS.admits(request.user):
        context |= {
            "action_url": reverse("valuation:fit-new"),
            "action_label": "Calibrate to a history",
        }
    return list_page(
        request,
        Fit.objects.visible_to(request.user),
        table=FitTable,
        template="valuation/fits.html",
        context=context,
    )


@access(RUNNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def fit_new(request: MemberRequest) -> HttpResponse:
    """Upload a history, or take the receipts of a package."""
    form = FitForm(request.POST or None, request.FILES or None, organisation=request.organisation)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_asked(request, form.cleaned_data))
        except Refused as refusal:
            add_refusal(form, refusal)
    context = {"form": form, "columns": sorted(KNOWN)}
    status = 422 if form.errors else 200
    return render(request, "valuation/fit_new.html", context, status=status)


def _asked(request: MemberRequest, given: dict[str, Any]) -> Fit:
    if package := given.get("package"):
        return fit_to_package(
            user=request.user,
            organisation=request.organisation,
            title=given["title"],
            package_id=package.pk,
        )
    return fit_to_file(
        user=request.user,
        organisation=request.organisation,
        title=given["title"],
        chunks=given["file"].chunks(),
        file_name=given["file"].name,
        currency=given["currency"],
        basis=given["basis"],
    )


@access(READERS)
@require_safe
def fit_detail(request: MemberRequest, fit_id: UUID) -> HttpResponse:
    """One calibration: what is fitted, what is judged, how well."""
    fit = get_object_or_404(
        Fit.objects.visible_to(request.user).select_related("job", "package"), pk=fit_id
    )
    context: dict[str, Any] = {"fit": fit, "history": Entry.objects.about(fit.pk)}
    if fit.state == ValuationState.DONE:
        context |= fit_context(fit, fitted_calibration(fit))
        context["may_run"] = RUNNERS.admits(request.user)
    return render(request, "valuation/fit.html", context)


@access(READERS)
@require_safe
def fit_file(request: MemberRequest, fit_id: UUID) -> HttpResponse:
    """The calibration as JSON, as `python -m pricing` takes it."""
    rows = Fit.objects.visible_to(request.user)
    fit = get_object_or_404(rows, pk=fit_id, state=ValuationState.DONE)
    answer = HttpResponse(read_stored(str(fit.file_id)), content_type="application/json")
    answer["Content-Disposition"] = (
        f'attachment; filename="calibration-{fit.content_hash[:8]}.json"'
    )
    return answer
