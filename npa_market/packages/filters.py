"""Finding packages."""

import django_filters
from django.db.models import Q, QuerySet

from npa_market.packages.models import Package, PackageState


class PackageFilter(django_filters.FilterSet):
    search = django_filters.CharFilter(method="find", label="Reference or title")
    state = django_filters.ChoiceFilter(choices=PackageState.choices, empty_label="Any state")
    currency = django_filters.CharFilter(lookup_expr="iexact", label="Currency", max_length=3)

    class Meta:
        model = Package
        fields = ("search", "state", "currency")

    def find(self, packages: QuerySet[Package], name: str, value: str) -> QuerySet[Package]:
        return packages.filter(Q(reference__icontains=value) | Q(title__icontains=value))
