"""Pages of valuations: list, new, one run, two runs side by side, exports."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.common.keyset import Order, keyset_page
from npa_market.common.pages import PAGE_ROWS, list_page
from npa_market.evidence.models import Entry
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES
from npa_market.valuation import exports, exports_parquet, figures
from npa_market.valuation.assumptions import assumption_rows
from npa_market.valuation.comparison import comparison_rows
from npa_market.valuation.filters import ValuationFilter
from npa_market.valuation.forms import ComparisonForm, ValuationForm
from npa_market.valuation.models import Valuation, ValuationQuerySet, ValuationState
from npa_market.valuation.path import steps_between
from npa_market.valuation.queries import allocation_of, priced_of
from npa_market.valuation.rules import BUYER_RUNNERS, SELLER_RUNNERS
from npa_market.valuation.scenarios import scenarios_of
from npa_market.valuation.services import cancel_valuation, request_valuation
from npa_market.valuation.shards import SHARD_BLOCKS
from npa_market.valuation.tables import ValuationTable

READERS = access_for(*SELLER_ROLES, *BUYER_ROLES)
RUNNERS = access_for(*SELLER_RUNNERS, *BUYER_RUNNERS)
PARQUET = "application/vnd.apache.parquet"
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
    rows = Valuation.objects.visible_to(request.user).select_related("package", "fit")
    if request.GET.get("export") == "csv":
        return list_page(
            request, rows, table=ValuationTable, filters=ValuationFilter, context=context
        )
    return render(request, "valuation/list.html", context | _listed(request, rows))


def _listed(request: MemberRequest, rows: ValuationQuerySet) -> dict[str, Any]:
    """A page of the list by key, with its filters and the totals over all pages."""
    filters = ValuationFilter(request.GET, queryset=rows, request=request)
    asked = request.GET.get("sort", "-created_at")
    name = asked.removeprefix("-")
    sort = asked if name in SORTS else "-created_at"
    order = replace(SORTS[sort.removeprefix("-")], is_descending=sort.startswith("-"))
    page = keyset_page(filters.qs, order, after=request.GET.get("after", ""), size=PAGE_ROWS)
    table = ValuationTable(rows.filter(pk__in=[row.pk for row in page.rows]), request=request)
    table.order_by = sort
    return {
        "table": table,
        "filterset": filters,
        "exportable": True,
        "next_cursor": page.next_cursor,
        "is_first": not request.GET.get("after"),
        "totals": filters.qs.order_by().aggregate(
            runs=Count("pk"),
            done=Count("pk", filter=Q(state=ValuationState.DONE)),
            packages=Count("package", distinct=True),
            fitted=Count("pk", filter=Q(is_reference_calibration=False)),
        ),
    }


SORTS = {
    "created_at": Order("pk"),  # Keys are UUIDv7: the order of asking.
    "package": Order("package__reference"),
    "state": Order("state"),
    "price_minor": Order("price_minor", may_be_null=True),
    "q05_minor": Order("q05_minor", may_be_null=True),
    "q95_minor": Order("q95_minor", may_be_null=True),
}


@access(RUNNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def valuation_new(request: MemberRequest) -> HttpResponse:
    """Ask for a run; the same inputs lead to the stored one."""
    form = ValuationForm(
        request.POST or None,
        initial={
            "package": request.GET.get("package"),
            "calibration_name": request.GET.get("calibration", ""),
        },
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
        "tables": exports_parquet.TABLES[:-1],
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
    if chosen := request.GET.getlist("run"):
        return _chosen(request, chosen)
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
        try:
            steps = steps_between(user=request.user, runs=runs)
        except Refused as refusal:
            context["no_path"] = refusal.message
        else:
            context["steps"] = steps
            if steps:
                price = runs[0].price_minor or 0
                context["path"] = figures.path_chart(price, steps, runs[0].currency)
    return render(request, "valuation/compare.html", context, status=status)


def _chosen(request: MemberRequest, chosen: list[str]) -> HttpResponse:
    """The runs ticked in the list as an address that can be kept."""
    if len(chosen) != 2:
        messages.error(request, "Tick two finished runs to compare them.")
        return redirect("valuation:list")
    query = urlencode({"first": chosen[0], "second": chosen[1]})
    return redirect(f"{reverse('valuation:compare')}?{query}")


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
    parts = exports.Parts(
        priced.result, rows, scenarios_of(valuation), allocation_of(valuation), reserve
    )
    content = exports.workbook(valuation, parts)
    return _download(content, XLSX, f"{valuation.package.reference}-valuation.xlsx")


@access(READERS)
@require_safe
def valuation_table(request: MemberRequest, valuation_id: UUID, table: str) -> HttpResponse:
    """One table of figures, or the value per loan, as Parquet."""
    valuation = _finished(request, valuation_id)
    if table not in exports_parquet.TABLES:
        raise Http404
    content = exports_parquet.table_bytes(valuation, table)
    return _download(content, PARQUET, f"{valuation.package.reference}-{table}.parquet")


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
