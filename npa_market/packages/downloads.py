"""Files of a sealed package for its seller; others read the data room's own forms."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from npa_market.common.exports import csv_lines
from npa_market.common.files import open_stored
from npa_market.packages.models import Package
from npa_market.packages.sealed import read_table
from npa_market.parties.access import access, access_for
from npa_market.parties.permissions import may
from npa_market.parties.requests import MemberRequest
from npa_market.parties.roles import SELLER_ROLES

SELLERS = access_for(*SELLER_ROLES)
ROWS_AT_ONCE = 5_000


@access(SELLERS)
@require_safe
def sealed_parquet(request: MemberRequest, package_id: UUID) -> HttpResponseBase:
    """The sealed file itself, byte for byte."""
    package = _own_sealed(request, package_id)
    return FileResponse(
        open_stored(package.content_sha256),
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
    table = read_table(package)
    answer = StreamingHttpResponse(
        csv_lines(table.column_names, _rows(table)), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{package.reference}.csv"'
    return answer


def _rows(table: Any) -> Iterator[list[Any]]:
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(
            f"{_cell(each['month']) or 'undated'}:{each['gross_minor']}:{each['cost_minor']}"
            for each in value
        )
    return value.isoformat() if isinstance(value, date) else value


def _own_sealed(request: MemberRequest, package_id: UUID) -> Package:
    package = get_object_or_404(Package.objects.visible_to(request.user), pk=package_id)
    if not may(request.user, "packages.download_package", package):
        raise PermissionDenied("The sealed file is the seller's.")
    if not package.content_sha256:
        raise Http404("not sealed")
    return package
