"""Filters of the lists, kept in the address."""

import django_filters

from npa_market.diligence.models import AccessRecord, DataRoom, RoomDocument


class RoomFilter(django_filters.FilterSet):
    package = django_filters.CharFilter(
        field_name="package__reference", lookup_expr="icontains", label="Package"
    )

    class Meta:
        model = DataRoom
        fields = ()


class AccessFilter(django_filters.FilterSet):
    institution = django_filters.CharFilter(
        field_name="organisation__name", lookup_expr="icontains", label="Institution"
    )
    document = django_filters.ChoiceFilter(choices=RoomDocument.choices, empty_label="Any document")

    class Meta:
        model = AccessRecord
        fields = ()
