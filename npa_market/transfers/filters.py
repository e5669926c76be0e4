"""Finding deals and loans of a deal."""

import django_filters
from django.db.models import Q, QuerySet

from npa_market.transfers.models import Deal, DealState, LoanPrice


class DealFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="find", label="Reference or title")
    state = django_filters.ChoiceFilter(choices=DealState.choices)

    class Meta:
        model = Deal
        fields = ("search", "state")

    def find(self, rows: QuerySet[Deal], name: str, value: str) -> QuerySet[Deal]:
        return rows.filter(
            Q(reference__icontains=value)
            | Q(lot__reference__icontains=value)
            | Q(lot__title__icontains=value)
        )


class AllocationFilter(django_filters.FilterSet):
    token = django_filters.CharFilter(lookup_expr="startswith", label="Token starts with")

    class Meta:
        model = LoanPrice
        fields = ("token",)
