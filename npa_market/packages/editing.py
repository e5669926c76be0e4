"""The page on which a package is built: criteria line by line, totals while editing."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.forms import add_refusal
from npa_market.packages import services
from npa_market.packages.choosing import chosen_for_display
from npa_market.packages.criteria import read_criteria
from npa_market.packages.fields import FIELDS
from npa_market.packages.forms import CriteriaForm, PackageForm, initial_of
from npa_market.packages.models import Package
from npa_market.packages.wording import sentence
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import Role

ANALYSTS = access_for(Role.SELLER_ANALYST)
SAVE = "save"


@access(ANALYSTS)
@require_http_methods(["GET", "HEAD", "POST"])
def package_new(request: MemberRequest) -> HttpResponse:
    """Draft a package by criteria."""
    _need(request, "packages.draft_package", request.organisation)
    initial = {"tapes": request.GET.getlist("tape"), "pool": request.GET.get("pool", "")}
    form = PackageForm(request.POST or None, initial=initial, seller=request.organisation)
    if _is_kept(request) and form.is_valid():
        pool = form.chosen_pool
        assert pool, "a valid form has a pool"
        try:
            package = services.draft_package(
                user=request.user,
                seller=request.organisation,
                title=form.cleaned_data["title"],
                currency=pool.currency,
                cut_off_date=pool.cut_off_date,
                criteria=form.cleaned_data["criteria"],
                transfer_basis=form.cleaned_data["transfer_basis"],
            )
        except Refused as refusal:
            _show(refusal, form)
        else:
            return redirect(package)
    return _page(request, form, None)


@access(ANALYSTS)
@require_http_methods(["GET", "HEAD", "POST"])
def package_edit(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Change the criteria of a package that is not sealed."""
    packages = Package.objects.visible_to(request.user).select_related("seller")
    package = get_object_or_404(packages, pk=package_id)
    _need(request, "packages.revise_package", package)
    if not package.is_open:
        stands = f"{package} is {package.get_state_display().lower()} and stays as it is."
        messages.warning(request, stands)
        return redirect(package)
    form = PackageForm(request.POST or None, initial=initial_of(package), seller=package.seller)
    if _is_kept(request) and form.is_valid():
        pool = form.chosen_pool
        assert pool, "a valid form has a pool"
        try:
            if pool.currency != package.currency:
                raise Refused("currency_stays", "A package keeps its currency.", field="pool")
            services.revise_package(
                user=request.user,
                package_id=package.pk,
                title=form.cleaned_data["title"],
                cut_off_date=pool.cut_off_date,
                criteria=form.cleaned_data["criteria"],
                transfer_basis=form.cleaned_data["transfer_basis"],
            )
        except Refused as refusal:
            _show(refusal, form)
        else:
            return redirect(package)
    return _page(request, form, package)


def _is_kept(request: HttpRequest) -> bool:
    """Sent to be kept, not to be counted or to change a line (buttons named `do`)."""
    return request.method == "POST" and "do" not in request.POST


def _page(request: MemberRequest, form: PackageForm, package: Package | None) -> HttpResponse:
    _act(request, form)
    context = {"form": form, "package": package, "pools": form.pools, **_editor(form)}
    is_refused = _is_kept(request) and bool(form.errors)
    return render(request, "packages/form.html", context, status=422 if is_refused else 200)


@access(ANALYSTS)
@require_POST
def package_criteria(request: MemberRequest) -> HttpResponse:
    """The lines after one act of the editor, and the totals that follow; nothing is kept."""
    _need(request, "packages.draft_package", request.organisation)
    form = CriteriaForm(request.POST, seller=request.organisation)
    _act(request, form)
    return render(request, "packages/_criteria.html", {"form": form, "oob": True, **_editor(form)})


def _act(request: MemberRequest, form: CriteriaForm) -> None:
    act = request.POST.get("do", "")
    if act == SAVE:
        _save(request, form)
    elif act == "forget":
        _forget(request, form)
    elif act == "load":
        form.edit(f"load:{request.POST.get('saved', '')}")
    elif act:
        form.edit(act)


def _save(request: MemberRequest, form: CriteriaForm) -> None:
    form.is_valid()
    document, pool = form.cleaned_data.get("criteria"), form.chosen_pool
    if document is None or pool is None:
        messages.error(request, "Nothing was saved: the criteria have faults.")
        return
    try:
        kept = services.save_criteria(
            user=request.user,
            seller=form.seller,
            name=request.POST.get("save_as", ""),
            currency=pool.currency,
            document={name: document[name] for name in ("where", "disclose") if name in document},
        )
    except NotPermitted as refusal:
        raise PermissionDenied(refusal.message) from refusal
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Saved as “{kept.name}”.")


def _forget(request: MemberRequest, form: CriteriaForm) -> None:
    kept = form.saved_as(request.POST.get("saved", ""))
    if kept is None:
        messages.error(request, "Nothing was deleted: these criteria are gone already.")
        return
    try:
        services.forget_criteria(user=request.user, criteria_id=kept.pk)
    except NotPermitted as refusal:
        raise PermissionDenied(refusal.message) from refusal
    messages.success(request, f"Deleted “{kept.name}”. Packages keep their own copy.")


@access(ANALYSTS)
@require_http_methods(["GET", "HEAD", "POST"])
def package_totals(request: MemberRequest) -> HttpResponse:
    """The live totals beside the form: what the criteria choose, or what is wrong with them."""
    _need(request, "packages.draft_package", request.organisation)
    form = CriteriaForm(request.POST or request.GET, seller=request.organisation)
    return render(request, "packages/_totals.html", _counted(form))


def _editor(form: CriteriaForm) -> dict[str, Any]:
    """Context of the lines and of the totals."""
    counted: dict[str, Any] = {"totals": None}
    if form.pools:
        bound = _bound(form)
        counted = _counted(bound)
        form.faults = bound.faults
    return {
        "rows": form.rows(),
        "fields": FIELDS.values(),
        "saved": form.saved() if form.pools else [],
        **counted,
    }


def _bound(form: CriteriaForm) -> CriteriaForm:
    """The criteria alone as sent input: totals do not wait for a title, a first page has some."""
    data = form.data
    if not form.is_bound:
        pool = form.shown_pool
        assert pool, "counted with a pool only"
        data = {name: value for name, value in form.initial.items() if value and name != "lines"}
        data["pool"] = pool.key
    bound = CriteriaForm(data, seller=form.seller)
    bound.lines = form.lines
    return bound


def _counted(form: CriteriaForm) -> dict[str, Any]:
    """Context of the totals; nothing is counted where the criteria are wrong."""
    form.is_valid()
    document, pool = form.cleaned_data.get("criteria"), form.chosen_pool
    if document is None or pool is None:
        faults = {name: errors for name, errors in form.errors.items() if name in _COUNTED_FIELDS}
        return {"totals": None, "faults": faults}
    if not form.is_counted_at_once:
        job = services.prepare_columns(tapes=pool.tapes, seller=form.seller)
        return {"totals": None, "preparing": job}
    try:
        criteria = read_criteria(document)
        found = chosen_for_display(form.seller, criteria, pool.tapes, pool.cut_off_date).totals()
    except Refused as refusal:
        return {"totals": None, "faults": {"criteria": [refusal.message]}}
    return {
        "totals": found,
        "mean_claim_minor": found.claim_minor // found.loans if found.loans else None,
        "currency": pool.currency,
        "sentence": sentence(criteria, pool.currency),
    }


_COUNTED_FIELDS = {"pool", "tapes", "disclose", "__all__"}


def _need(request: MemberRequest, permission: str, target: object) -> None:
    if not may(request.user, permission, target):
        raise PermissionDenied("Your role does not open this page.")


def _show(refusal: Refused, form: CriteriaForm) -> None:
    """A refused act beside the form; without the role for it, 403."""
    if isinstance(refusal, NotPermitted):
        raise PermissionDenied(refusal.message)
    add_refusal(form, refusal)
