"""Pages of valuations: list, new, one run, two runs side by side, exports."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.errors import Refused
from npa_market.common.files import read_stored
from npa_market.common.forms import add_refusal
from npa_market.common.pages import list_page
from npa_market.evidence.models import Entry
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES
from npa_market.valuation import exports, figures
from npa_market.valuation.assumptions import assumption_rows
from npa_market.valuation.comparison import comparison_rows
from npa_market.valuation.filters import ValuationFilter
from npa_market.valuation.forms import ComparisonForm, ValuationForm
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.queries import priced_of
from npa_market.valuation.rules import BUYER_RUNNERS, SELLER_RUNNERS
from npa_market.valuation.services import cancel_valuation, request_valuation
from npa_market.valuation.shards import SHARD_BLOCKS
from npa_market.valuation.tables import ValuationTable

READERS = access_for(*SELLER_ROLES, *BUYER_ROLES)
RUNNERS = access_for(*SELLER_RUNNERS, *BUYER_RUNNERS)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@access(READERS)
@require_safe
def valuation_list(request: MemberRequest) -> HttpResponseBase:
    """The runs of one's own institution."""
    context: dict[str, Any] = {
        "title": "Valuations",
        "lead": "What a package is worth at a buyer's return, how sure that is, and from what it "
        "was computed. Runs are private to the institution that ran them.",
        "empty": "No run yet. Choose a sealed package and the terms to value it at.",
    }
    if RUNNERS.admits(request.user):
        context |= {"action_url": reverse("valuation:new"), "action_label": "New valuation"}
    return list_page(
        request,
        Valuation.objects.visible_to(request.user).select_related("package"),
        table=ValuationTable,
        filters=ValuationFilter,
        template="valuation/list.html",
        context=context,
    )


@access(RUNNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def valuation_new(request: MemberRequest) -> HttpResponse:
    """Ask for a run; the same inputs lead to the stored one."""
    form = ValuationForm(
        request.POST or None,
        initial={"package": request.GET.get("package")},
        user=request.user,
        organisation=request.organisation,
    )
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            valuation = request_valuation(
                user=request.user,
                organisation=request.organisation,
                package_id=form.cleaned_data["package"].pk,
                calibration_name=form.cleaned_data["calibration_name"],
                terms=form.terms(),
            )
        except Refused as refusal:
            add_refusal(form, refusal)
        else:
            return redirect(valuation)
    if request.method == "POST":
        status = 422
    return render(request, "valuation/new.html", {"form": form}, status=status)


@access(READERS)
@require_safe
def valuation_detail(request: MemberRequest, valuation_id: UUID) -> HttpResponse:
    """One run: figures, charts, assumptions, provenance; its progress while it is computed."""
    valuation = _own(request, valuation_id)
    context: dict[str, Any] = {
        "valuation": valuation,
        "package": valuation.package,
        "history": Entry.objects.about(valuation.pk),
        "sees_reserve": may(request.user, "valuation.see_reserve", valuation),
        "may_run": RUNNERS.admits(request.user),
    }
    if valuation.state == ValuationState.DONE:
        context |= _figures(valuation, sees_reserve=context["sees_reserve"])
    return render(request, "valuation/detail.html", context)


def _figures(valuation: Valuation, *, sees_reserve: bool) -> dict[str, Any]:
    priced = priced_of(valuation)
    result = priced.result
    segments = figures.segment_lines(result)
    rates = result.irr_quantiles or {}
    return {
        "result": result,
        "shard_blocks": SHARD_BLOCKS,
        "headline": {
            name: figures.whole_money(getattr(valuation, f"{name}_minor"), valuation.currency)
            for name in ("price", "q05", "q50", "q95")
        },
        "std_error_share": result.std_error / result.price if result.price > 0 else None,
        "irr_low": rates.get(0.05),
        "irr_middle": rates.get(0.5),
        "irr_high": rates.get(0.95),
        "fan": figures.fan_chart(result),
        "distribution": figures.distribution_chart(result),
        "tornado": figures.tornado_chart(result),
        "bridge": figures.bridge_chart(result),
        "liquidation": figures.liquidation_chart(result),
        "segments": segments,
        "totals": {
            name: sum(getattr(row, name) for row in segments)
            for name in ("loans", "balance_minor", "cash_minor", "value_minor")
        },
        "assumptions": assumption_rows(
            valuation.terms,
            priced.calibration,
            priced.stand_ins,
            with_reserve=sees_reserve,
        ),
        "sources": priced.calibration.sources,
    }


@access(RUNNERS)
@require_POST
def valuation_cancel(request: MemberRequest, valuation_id: UUID) -> HttpResponse:
    """Stop a run that is under way."""
    valuation = _own(request, valuation_id)
    try:
        cancel_valuation(user=request.user, valuation_id=valuation.pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect(valuation)


@access(RUNNERS)
@require_POST
def valuation_resume(request: MemberRequest, valuation_id: UUID) -> HttpResponse:
    """Put a run that was cancelled or failed to work again, with the parts that stand."""
    valuation = _own(request, valuation_id)
    try:
        request_valuation(
            user=request.user,
            organisation=valuation.organisation,
            package_id=valuation.package_id,
            calibration_name=str(valuation.fit_id or valuation.calibration_name),
            terms=valuation.terms,
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect(valuation)


@access(READERS)
@require_safe
def valuation_compare(request: MemberRequest) -> HttpResponse:
    """Two finished runs side by side."""
    form = ComparisonForm(request.GET or None, user=request.user)
    context: dict[str, Any] = {"form": form}
    status = 200
    if form.is_bound and not form.is_valid():
        status = 422
    elif form.is_bound:
        runs = form.cleaned_data["first"], form.cleaned_data["second"]
        results = priced_of(runs[0]).result, priced_of(runs[1]).result
        context |= {"first": runs[0], "second": runs[1], "rows": comparison_rows(runs, results)}
        if runs[0].currency == runs[1].currency:
            context["curve"] = figures.comparison_chart(*results)
    return render(request, "valuation/compare.html", context, status=status)


@access(READERS)
@require_safe
def valuation_workbook(request: MemberRequest, valuation_id: UUID) -> HttpResponse:
    """The figures as XLSX; the reserve only for those who may see it."""
    valuation = _finished(request, valuation_id)
    priced = priced_of(valuation)
    reserve = may(request.user, "valuation.see_reserve", valuation)
    rows = assumption_rows(
        valuation.terms, priced.calibration, priced.stand_ins, with_reserve=reserve
    )
    content = exports.workbook(valuation, priced.result, rows, with_reserve=reserve)
    return _download(content, XLSX, f"{valuation.package.reference}-valuation.xlsx")


@access(READERS)
@require_safe
def valuation_allocation(request: MemberRequest, valuation_id: UUID) -> HttpResponse:
    """Value per loan as Parquet."""
    valuation = _finished(request, valuation_id)
    content = read_stored(str(valuation.allocation_file_id))
    name = f"{valuation.package.reference}-loans.parquet"
    return _download(content, "application/vnd.apache.parquet", name)


def _own(request: MemberRequest, valuation_id: UUID) -> Valuation:
    rows = Valuation.objects.visible_to(request.user).select_related("package", "job")
    return get_object_or_404(rows, pk=valuation_id)


def _finished(request: MemberRequest, valuation_id: UUID) -> Valuation:
    """An own run that has files; an unfinished one has nothing to download."""
    rows = Valuation.objects.visible_to(request.user).select_related("package")
    return get_object_or_404(rows, pk=valuation_id, state=ValuationState.DONE)


def _download(content: bytes, content_type: str, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
