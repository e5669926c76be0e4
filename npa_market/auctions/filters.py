"""Finding lots."""

import django_filters

from npa_market.auctions.models import Lot, LotState


class LotFilter(django_filters.FilterSet):
    title = django_filters.CharFilter(lookup_expr="icontains", label="Title contains")
    state = django_filters.ChoiceFilter(choices=LotState.choices, label="State")
    event = django_filters.CharFilter(
        field_name="sale_event__reference", lookup_expr="iexact", label="Event"
    )
    currency = django_filters.CharFilter(lookup_expr="iexact", label="Currency")

    class Meta:
        model = Lot
        fields = ("title", "state", "event", "currency")
