"""Pages of packages: list, criteria with live totals, one package, its files."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.forms import add_refusal
from npa_market.common.keyset import Order, keyset_page
from npa_market.common.pages import PAGE_ROWS, list_page
from npa_market.packages import services
from npa_market.packages.filters import PackageFilter
from npa_market.packages.forms import ReasonForm
from npa_market.packages.models import Package, PackageQuerySet
from npa_market.packages.page import page_of, shown_tables, table_of
from npa_market.packages.queries import list_totals
from npa_market.packages.tables import OwnPackageTable, PackageTable
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import OrganisationKind, Role

ANALYSTS = access_for(Role.SELLER_ANALYST)
APPROVERS = access_for(Role.SELLER_APPROVER)
SEALED_AT_ONCE = 5_000  # loans; more are sealed by a worker, with a progress bar


@access(MEMBERS)
@require_safe
def package_list(request: MemberRequest) -> HttpResponseBase:
    """Packages that the person may see."""
    context: dict[str, Any] = {
        "title": "Packages",
        "lead": "Frozen lists of loans: chosen by criteria, screened, sealed by a second person.",
        "empty": "No package yet. Choose loans of an imported tape by criteria.",
    }
    is_seller = request.organisation.kind == OrganisationKind.SELLER
    if may(request.user, "packages.draft_package", request.organisation):
        context |= {
            "action_url": reverse("packages:new"),
            "action_label": "New package",
            "further_actions": [
                (reverse("packages:pick"), "Pick for a target"),
                (reverse("packages:split"), "Split a pool"),
            ],
        }
    else:
        context["empty"] = "No package yet. Sealed packages appear here once you may read them."
    rows = Package.objects.visible_to(request.user).select_related("seller")
    table = OwnPackageTable if is_seller else PackageTable
    if request.GET.get("export") == "csv":
        return list_page(request, rows, table=table, filters=PackageFilter, context=context)
    return render(request, "packages/list.html", context | _listed(request, rows, table))


def _listed(
    request: MemberRequest, rows: PackageQuerySet, table_class: type[PackageTable]
) -> dict[str, Any]:
    """A page of the list by key, with its filters and the totals over all pages."""
    filters = PackageFilter(request.GET, queryset=rows, request=request)
    asked = request.GET.get("sort", NEWEST)
    sort = asked if asked.removeprefix("-") in SORTS else NEWEST
    order = replace(SORTS[sort.removeprefix("-")], is_descending=sort.startswith("-"))
    page = keyset_page(filters.qs, order, after=request.GET.get("after", ""), size=PAGE_ROWS)
    shown = rows.filter(pk__in=[row.pk for row in page.rows])
    # A link to another order leaves the cursor of this one out.
    table = table_class(shown, request=request, page_field="after")
    table.order_by = sort
    return {
        "table": table,
        "filterset": filters,
        "exportable": True,
        "next_cursor": page.next_cursor,
        "is_first": not request.GET.get("after"),
        "totals": list_totals(filters.qs),
        "views": VIEWS,
        "asked_view": request.GET.urlencode(),
    }


NEWEST = "-reference"
SORTS = {
    "reference": Order("pk"),  # Keys are UUIDv7: the order of drafting, which references follow.
    "state": Order("state"),
    "loans": Order("loans"),
    "borrowers": Order("borrowers"),
    "claim_minor": Order("claim_minor"),
    "principal_minor": Order("principal_minor"),
    "cut_off_date": Order("cut_off_date"),
    "seller": Order("seller__name"),
}
# Often asked: an address each, so that they can be kept as bookmarks and sent on.
VIEWS = (
    ("All", ""),
    ("To screen", "state=draft"),
    ("To seal", "state=screened"),
    ("Sealed, largest claim first", "state=sealed&sort=-claim_minor"),
)


@access(MEMBERS)
@require_safe
def package_detail(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """One package: figures, findings, tables, next step, versions, history."""
    return _page(request, _visible(request, package_id))


def _page(request: MemberRequest, package: Package, **typed: ReasonForm) -> HttpResponse:
    context = page_of(package, request.user, request.GET.get("table", ""))
    context |= {"return_form": ReasonForm(prefix="return"), "end_form": ReasonForm(prefix="end")}
    is_refused = any(form.errors for form in typed.values())
    return render(
        request, "packages/detail.html", context | typed, status=422 if is_refused else 200
    )


@access(MEMBERS)
@require_safe
def package_table(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """One stratification, as a part of the page."""
    package = _visible(request, package_id)
    tables = shown_tables(package, request.user)
    context = {
        "package": package,
        "bidder_note": package.seller_id in request.user.organisation_ids(),
        **table_of(request.GET.get("table", ""), tables),
    }
    if not request.htmx:
        return redirect(f"{package.get_absolute_url()}?table={context['table_key']}")
    return render(request, "packages/_table.html", context)


@access(ANALYSTS)
@require_POST
def package_screen(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Run the pre-sale screen."""
    package = _visible(request, package_id)
    try:
        services.screen_package(user=request.user, package_id=package.pk)
    except Refused as refusal:
        _tell(request, refusal)
    return redirect(package)


@access(APPROVERS)
@require_POST
def package_seal(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Seal: small packages at once, large ones by a worker."""
    package = _visible(request, package_id)
    # Without the mark of the page that the person saw, nothing fits.
    asked: dict[str, Any] = {"package_id": package.pk, "seen": request.POST.get("seen") or "none"}
    try:
        if package.loans <= SEALED_AT_ONCE:
            services.seal_package(user=request.user, **asked)
            messages.success(request, f"{package.reference} is sealed and final.")
        else:
            services.start_sealing(user=request.user, **asked)
    except Refused as refusal:
        _tell(request, refusal)
    return redirect(package)


@access(APPROVERS)
@require_POST
def package_return(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Send a screened package back with a reason."""
    package = _visible(request, package_id)
    form = ReasonForm(request.POST, prefix="return")
    if form.is_valid():
        try:
            services.return_package(
                user=request.user, package_id=package.pk, reason=form.cleaned_data["reason"]
            )
        except Refused as refusal:
            _show(refusal, form)
        else:
            return redirect(package)
    return _page(request, package, return_form=form)


@access(access_for(Role.SELLER_ANALYST, Role.SELLER_APPROVER))
@require_POST
def package_withdraw(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Withdraw with a reason."""
    package = _visible(request, package_id)
    form = ReasonForm(request.POST, prefix="end")
    if form.is_valid():
        try:
            services.withdraw_package(
                user=request.user, package_id=package.pk, reason=form.cleaned_data["reason"]
            )
        except Refused as refusal:
            _show(refusal, form)
        else:
            return redirect(package)
    return _page(request, package, end_form=form)


@access(ANALYSTS)
@require_POST
def package_version(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Begin the next version of a sealed package."""
    package = _visible(request, package_id)
    try:
        draft = services.new_version(user=request.user, package_id=package.pk)
    except Refused as refusal:
        _tell(request, refusal)
        return redirect(package)
    return redirect("packages:edit", draft.pk)


def _visible(request: MemberRequest, package_id: UUID) -> Package:
    packages = Package.objects.visible_to(request.user).select_related("seller", "job")
    return get_object_or_404(packages, pk=package_id)


def _tell(request: MemberRequest, refusal: Refused) -> None:
    """A refused act in the words of the service; without the role for it, 403."""
    if isinstance(refusal, NotPermitted):
        raise PermissionDenied(refusal.message)
    messages.error(request, refusal.message)


def _show(refusal: Refused, form: Form) -> None:
    """The same beside the form."""
    if isinstance(refusal, NotPermitted):
        raise PermissionDenied(refusal.message)
    add_refusal(form, refusal)
