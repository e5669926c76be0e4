"""Pages of the stratification: every table with charts, and the loans behind a cell."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from npa_market.common.errors import InvalidInput
from npa_market.common.keyset import row_after
from npa_market.packages.drilling import loans_page
from npa_market.packages.models import Package
from npa_market.packages.page import shown_tables, table_of
from npa_market.packages.pictures import HEAT, has_points, heat_rows, histogram, lorenz_curve
from npa_market.packages.stratify import STRATIFICATIONS
from npa_market.parties.access import MEMBERS, access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES


@access(MEMBERS)
@require_safe
def package_strata(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Every table and chart of a screened or sealed package on one page."""
    package = get_object_or_404(Package.objects.visible_to(request.user), pk=package_id)
    if not package.overview.get("stratifications"):
        raise Http404("not screened yet")
    is_own = package.seller_id in request.user.organisation_ids()
    as_bidder = not is_own or request.GET.get("as") == "bidder"
    tables = shown_tables(package, request.user, as_bidder=as_bidder)
    context: dict[str, Any] = {
        "package": package,
        "tables": [table_of(key, tables) for key in STRATIFICATIONS if key in tables],
        "is_own": is_own,
        "as_bidder": as_bidder,
        "drills": not as_bidder and _drills(request, package),
    }
    context |= _charts(package, as_bidder=as_bidder)
    return render(request, "packages/strata.html", context)


def _charts(package: Package, *, as_bidder: bool) -> dict[str, Any]:
    """Packages screened before a merged chart was kept have none for bidders."""
    kept = package.overview.get("pictures") or {}
    prefix = "bidder_" if as_bidder else ""
    context: dict[str, Any] = {}
    if claims := kept.get(f"{prefix}claims"):
        context["histogram"] = histogram(claims, package.currency)
    if (curve := kept.get(f"{prefix}lorenz")) and has_points(curve):
        context["lorenz"] = lorenz_curve(curve)
    if heat := kept.get(f"{prefix}heat"):
        context |= {"heat": heat_rows(heat), "heat_columns": heat["columns"], "heat_keys": HEAT}
    return context


def _drills(request: MemberRequest, package: Package) -> bool:
    """The rows themselves are the seller's, once there is a file."""
    return bool(package.content_sha256) and may(request.user, "packages.download_package", package)


@access(access_for(*SELLER_ROLES))
@require_safe
def package_loans(request: MemberRequest, package_id: UUID) -> HttpResponse:
    """Loans of a sealed package, all or those of a cell: `by` and `class`, `by2` and `class2`."""
    package = get_object_or_404(Package.objects.visible_to(request.user), pk=package_id)
    if not may(request.user, "packages.download_package", package):
        raise PermissionDenied("The rows of the sealed file are the seller's.")
    if not package.content_sha256:
        raise Http404("not sealed")
    asked = request.GET
    cells = [
        (asked[by], asked.get(name, ""))
        for by, name in (("by", "class"), ("by2", "class2"))
        if asked.get(by)
    ]
    after = asked.get("after", "")
    try:
        page = loans_page(package, cells, row_after(after, -1))
    except InvalidInput as refusal:
        raise Http404(refusal.message) from refusal
    kept = {name: str(asked[name]) for name in ("by", "class", "by2", "class2") if asked.get(name)}
    return render(
        request,
        "packages/loans.html",
        {
            "package": package,
            "page": page,
            "cells": [(STRATIFICATIONS[key], label) for key, label in cells],
            "next": urlencode({**kept, "after": str(page.after)}) if page.after is not None else "",
            "first": urlencode(kept) if after else "",
        },
    )
