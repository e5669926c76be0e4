"""Filters of the list of valuations, kept in the address."""

from typing import Any

import django_filters

from npa_market.valuation.models import Valuation, ValuationState


class ValuationFilter(django_filters.FilterSet):
    package = django_filters.CharFilter(
        field_name="package__reference", lookup_expr="icontains", label="Package"
    )
    state = django_filters.ChoiceFilter(choices=ValuationState.choices, empty_label="Any state")
    calibration = django_filters.ChoiceFilter(
        field_name="is_reference_calibration",
        choices=[("False", "Fitted to a history"), ("True", "Reference, not fitted")],
        label="Calibration",
        empty_label="Any calibration",
    )
    irr_from = django_filters.NumberFilter(
        label="IRR from, %", method="at_least", min_value=-99, max_value=1000
    )

    def at_least(self, rows: Any, name: str, value: Any) -> Any:
        """Runs at this yearly rate or above."""
        return rows.filter(terms__buyer_irr__gte=float(value) / 100 - 1e-9)

    class Meta:
        model = Valuation
        fields = ()
