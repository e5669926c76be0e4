"""The scenario editor: assumptions left, figures right, a tab per saved scenario."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from npa_market.common.errors import Refused
from npa_market.common.forms import add_refusal
from npa_market.parties.access import access
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.valuation import figures
from npa_market.valuation.door import to_minor
from npa_market.valuation.models import Scenario, Valuation, ValuationState
from npa_market.valuation.queries import calibration_of
from npa_market.valuation.scenario_forms import ScenarioForm
from npa_market.valuation.scenarios import (
    Repriced,
    delete_scenario,
    duplicate_scenario,
    reprice_run,
    restore_scenario,
    save_scenario,
    scenarios_of,
)
from npa_market.valuation.services import request_valuation
from npa_market.valuation.views import RUNNERS

SAVE, SAVE_AS, RUN = "save", "save_as", "run"


@access(RUNNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def scenario_page(request: MemberRequest, valuation_id: UUID) -> HttpResponse:
    """The editor of one run; posted without JavaScript it reprices and shows the page again."""
    valuation = _finished(request, valuation_id)
    tab = _tab(request, valuation)
    form = _form(request, valuation, tab)
    name = request.POST.get("name", tab.name if tab else "")
    context: dict[str, Any] = {"name": name}
    status = 200
    if request.method == "POST":
        act = request.POST.get("act", "")
        if form.is_valid() and act in {SAVE, SAVE_AS, RUN}:
            try:
                return _acted(request, valuation, tab if act == SAVE else None, form, name)
            except Refused as refusal:
                add_refusal(form, refusal)
        status = 422 if form.errors else 200
    context |= _figures(request, valuation, form, _terms(form, valuation, tab))
    return _page(request, valuation, tab, form, context, status)


@access(RUNNERS)
@require_POST
def scenario_reprice(request: MemberRequest, valuation_id: UUID) -> HttpResponse:
    """The figures alone, for a page that shows them while one types."""
    valuation = _finished(request, valuation_id)
    form = _form(request, valuation, _tab(request, valuation))
    terms = form.terms() if form.is_valid() else None
    context = {"valuation": valuation, "package": valuation.package}
    context |= _figures(request, valuation, form, terms)
    return render(request, "valuation/_live.html", context, status=422 if form.errors else 200)


@access(RUNNERS)
@require_POST
def scenario_duplicate(
    request: MemberRequest, valuation_id: UUID, scenario_id: UUID
) -> HttpResponse:
    """A copy of a scenario, opened."""
    scenario = _scenario(request, valuation_id, scenario_id)
    try:
        scenario = duplicate_scenario(user=request.user, scenario_id=scenario.pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect(_address(scenario.valuation_id, tab=scenario.pk))


@access(RUNNERS)
@require_POST
def scenario_delete(request: MemberRequest, valuation_id: UUID, scenario_id: UUID) -> HttpResponse:
    """Off the tabs; the next page offers to undo it."""
    scenario = _scenario(request, valuation_id, scenario_id)
    delete_scenario(user=request.user, scenario_id=scenario.pk)
    return redirect(_address(scenario.valuation_id, deleted=scenario.pk))


@access(RUNNERS)
@require_POST
def scenario_restore(request: MemberRequest, valuation_id: UUID, scenario_id: UUID) -> HttpResponse:
    """Undo a deletion."""
    scenario = _scenario(request, valuation_id, scenario_id)
    try:
        restore_scenario(user=request.user, scenario_id=scenario.pk)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect(_address(scenario.valuation_id))
    return redirect(_address(scenario.valuation_id, tab=scenario.pk))


def _finished(request: MemberRequest, valuation_id: UUID) -> Valuation:
    rows = Valuation.objects.visible_to(request.user).select_related(
        "package", "organisation", "fit"
    )
    return get_object_or_404(rows, pk=valuation_id, state=ValuationState.DONE)


def _scenario(request: MemberRequest, valuation_id: UUID, scenario_id: UUID) -> Scenario:
    rows = Scenario.objects.visible_to(request.user)
    return get_object_or_404(rows, pk=scenario_id, valuation=valuation_id)


def _tab(request: MemberRequest, valuation: Valuation) -> Scenario | None:
    """The scenario that is open: `?tab=` or the posted one; None = as the run."""
    wanted = request.POST.get("tab") or request.GET.get("tab") or ""
    try:
        key = UUID(wanted)
    except ValueError:
        return None
    return get_object_or_404(Scenario, pk=key, valuation=valuation, deleted_at=None)


def _form(request: MemberRequest, valuation: Valuation, tab: Scenario | None) -> ScenarioForm:
    return ScenarioForm(
        request.POST if request.method == "POST" else None,
        calibration=calibration_of(valuation),
        terms=tab.terms if tab else valuation.terms,
        sees_reserve=may(request.user, "valuation.see_reserve", valuation),
        auto_id="s-%s",
    )


def _terms(form: ScenarioForm, valuation: Valuation, tab: Scenario | None) -> dict[str, Any] | None:
    """Terms to show figures of; None while a field is wrong."""
    if not form.is_bound:
        return dict(tab.terms if tab else valuation.terms)
    return form.terms() if not form.errors else None


def _acted(
    request: MemberRequest,
    valuation: Valuation,
    scenario: Scenario | None,
    form: ScenarioForm,
    name: str,
) -> HttpResponse:
    if request.POST["act"] == RUN:
        run = request_valuation(
            user=request.user,
            organisation=valuation.organisation,
            package_id=valuation.package_id,
            calibration_name=str(valuation.fit_id or valuation.calibration_name),
            terms=form.terms(),
        )
        return redirect(run)
    saved = save_scenario(
        user=request.user,
        valuation_id=valuation.pk,
        name=name,
        terms=form.terms(),
        scenario_id=scenario.pk if scenario else None,
    )
    messages.success(request, f"Scenario “{saved.name}” is saved.")
    return redirect(_address(valuation.pk, tab=saved.pk))


def _figures(
    request: MemberRequest, valuation: Valuation, form: ScenarioForm, terms: dict[str, Any] | None
) -> dict[str, Any]:
    """Live figures and charts, or why there are none."""
    sees_reserve = may(request.user, "valuation.see_reserve", valuation)
    if terms is None:
        faults = [
            f"{form.fields[name].label if name in form.fields else 'Assumptions'}: {error}"
            for name, errors in form.errors.items()
            for error in errors
        ]
        return {"faults": faults}
    try:
        repriced = reprice_run(user=request.user, valuation=valuation, terms=terms)
    except Refused as refusal:
        if form.is_bound:
            add_refusal(form, refusal)
        return {"faults": [refusal.message]}
    return live_context(valuation, repriced, sees_reserve=sees_reserve)


def live_context(valuation: Valuation, repriced: Repriced, *, sees_reserve: bool) -> dict[str, Any]:
    """What the right half of the editor shows."""
    live, currency = repriced.figures, valuation.currency
    price = to_minor(live.price, currency)
    context = {
        "live": live,
        "price_minor": price,
        "gap_minor": price - (valuation.price_minor or 0),
        "quantiles": [
            (f"{level * 100:.0f} %", to_minor(amount, currency))
            for level, amount in live.quantiles.items()
        ],
        "net_minor": to_minor(live.cumulative_mean[-1], currency),
        "std_error_share": live.std_error / live.price if live.price > 0 else None,
        "fan": figures.fan_chart(live),
        "distribution": figures.distribution_chart(live),
        "liquidation": figures.liquidation_chart(live),
    }
    if sees_reserve:
        context["reserve_minor"] = to_minor(live.seller_reserve, currency)
    return context


def _page(
    request: MemberRequest,
    valuation: Valuation,
    tab: Scenario | None,
    form: ScenarioForm,
    context: dict[str, Any],
    status: int,
) -> HttpResponse:
    deleted = None
    if wanted := request.GET.get("deleted"):
        rows = Scenario.objects.filter(valuation=valuation).exclude(deleted_at=None)
        deleted = next((row for row in rows if str(row.pk) == wanted), None)
    context |= {
        "valuation": valuation,
        "package": valuation.package,
        "tab": tab,
        "form": form,
        "scenarios": scenarios_of(valuation),
        "deleted": deleted,
    }
    return render(request, "valuation/scenarios.html", context, status=status)


def _address(valuation_id: UUID, **parameters: UUID) -> str:
    query = QueryDict(mutable=True)
    query.update({name: str(key) for name, key in parameters.items()})
    address = reverse("valuation:scenarios", args=[valuation_id])
    return f"{address}?{query.urlencode()}" if parameters else address
