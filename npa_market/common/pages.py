"""List pages in one manner: filters in the address, sort, pages, export, empty state."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django_filters import FilterSet
from django_tables2 import LazyPaginator, RequestConfig, Table

from npa_market.common.exports import csv_lines

PAGE_ROWS = 50
MOST_PAGES = 10_000_000  # Beyond, a database counts no rows to pass over.


class ListPaginator(LazyPaginator):  # type: ignore[misc]  # the library has no types
    """The library's own, for numbers of any size."""

    def validate_number(self, number: Any) -> int:
        """A number that a database can count to. Raises PageNotAnInteger, EmptyPage."""
        return min(int(super().validate_number(number)), MOST_PAGES)


def list_page(
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    table: type[Table],
    filters: type[FilterSet] | None = None,
    template: str = "common/list.html",
    context: Mapping[str, Any],
) -> HttpResponse | StreamingHttpResponse:
    """Render rows as a table, or stream them as CSV with `?export=csv`.

    `context` gives title, lead, empty (what to do first) and what else the template shows.
    """
    filterset = filters(request.GET, queryset=queryset, request=request) if filters else None
    rows = filterset.qs if filterset is not None else queryset
    shown = table(rows, request=request)
    if request.GET.get("export") == "csv":
        RequestConfig(request, paginate=False).configure(shown)
        name = str(context["title"]).lower().replace(" ", "-")
        lines = shown.as_values()
        answer = StreamingHttpResponse(
            csv_lines(next(lines), lines), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return answer
    RequestConfig(
        request, paginate={"per_page": PAGE_ROWS, "paginator_class": ListPaginator}
    ).configure(shown)
    return render(
        request,
        template,
        {**context, "table": shown, "filterset": filterset, "exportable": True},
    )
