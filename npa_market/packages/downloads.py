"""Files of a sealed package for its seller; others read the data room's own forms."""

import io
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.exports import csv_lines
from npa_market.common.files import open_stored, read_stored
from npa_market.packages.exports import SELLERS_ALONE, ask_for_export, forms_for
from npa_market.packages.models import Package, PackageExport
from npa_market.packages.sealed import read_table
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES

SELLERS = access_for(*SELLER_ROLES)


@access(SELLERS)
@require_safe
def sealed_parquet(request: MemberRequest, package_id: UUID) -> HttpResponseBase:
    """The sealed file itself, byte for byte, checked against its hash."""
    package = _own_sealed(request, package_id)
    return FileResponse(
        io.BytesIO(read_stored(package.content_sha256)),
        as_attachment=True,
        filename=f"{package.reference}.parquet",
        content_type="application/vnd.apache.parquet",
    )


@access(SELLERS)
@require_safe
def manifest_json(request: MemberRequest, package_id: UUID) -> HttpResponseBase:
    """The manifest that was stored with it."""
    package = _own_sealed(request, package_id)
    assert package.manifest_file_id, "a sealed package has a manifest"
    return FileResponse(
        open_stored(package.manifest_file_id),
        as_attachment=True,
        filename=f"{package.reference}.manifest.json",
        content_type="application/json",
    )


@access(SELLERS)
@require_safe
def sealed_csv(request: MemberRequest, package_id: UUID) -> HttpResponseBase:
    """The rows of the sealed file as CSV, receipts as `month:gross:cost` joined by blanks."""
    package = _own_sealed(request, package_id)
    from npa_market.packages.exporting import table_rows

    table = read_table(package)
    answer = StreamingHttpResponse(
        csv_lines(table.column_names, table_rows(table)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{package.reference}.csv"'
    return answer


@access(SELLERS)
@require_http_methods(["GET", "HEAD", "POST"])
def package_export(request: MemberRequest, package_id: UUID, form: str) -> HttpResponseBase:
    """POST asks for an export, GET gives the file once it is made.

    `?as=bidder`: the seller's copy of the bidder's form.
    """
    as_bidder = request.GET.get("as") == "bidder"
    package = get_object_or_404(Package.objects.visible_to(request.user), pk=package_id)
    if request.method == "POST":
        try:
            ask_for_export(
                user=request.user, package_id=package.pk, form=form, as_bidders_see=as_bidder
            )
        except NotPermitted as refusal:
            raise PermissionDenied(refusal.message) from refusal
        except Refused as refusal:
            messages.error(request, refusal.message)
        return redirect(f"{package.get_absolute_url()}#exports")
    if form not in forms_for(request.user, package):
        raise PermissionDenied(SELLERS_ALONE)
    made = PackageExport.objects.visible_to(request.user).filter(
        package=package, form=form, is_bidder_form=as_bidder
    )
    export = get_object_or_404(made.exclude(file=None))
    return FileResponse(
        open_stored(str(export.file_id)), as_attachment=True, filename=export.file_name
    )


def _own_sealed(request: MemberRequest, package_id: UUID) -> Package:
    package = get_object_or_404(Package.objects.visible_to(request.user), pk=package_id)
    if not may(request.user, "packages.download_package", package):
        raise PermissionDenied("The sealed file is the seller's.")
    if not package.content_sha256:
        raise Http404("not sealed")
    return package
