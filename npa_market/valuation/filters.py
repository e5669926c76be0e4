"""Filters of the list of valuations, kept in the address."""

import django_filters

from npa_market.valuation.models import Valuation, ValuationState


class ValuationFilter(django_filters.FilterSet):
    package = django_filters.CharFilter(
        field_name="package__reference", lookup_expr="icontains", label="Package"
    )
    state = django_filters.ChoiceFilter(choices=ValuationState.choices, empty_label="Any state")

    class Meta:
        model = Valuation
        fields = ()
