"""Finding statements."""

import django_filters
from django.db.models import Q, QuerySet

from npa_market.settlement.models import Statement


class StatementFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="find", label="Statement or deal")
    open = django_filters.BooleanFilter(
        field_name="settled_at", lookup_expr="isnull", label="Still to be agreed"
    )

    class Meta:
        model = Statement
        fields = ("search", "open")

    def find(self, rows: QuerySet[Statement], name: str, value: str) -> QuerySet[Statement]:
        return rows.filter(Q(reference__icontains=value) | Q(deal__reference__icontains=value))
