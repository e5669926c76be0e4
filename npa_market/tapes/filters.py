"""Filters of the list of tapes, kept in the address."""

import django_filters

from npa_market.tapes.models import Tape, TapeState


class TapeFilter(django_filters.FilterSet):
    reference = django_filters.CharFilter(lookup_expr="icontains", label="Tape")
    state = django_filters.ChoiceFilter(choices=TapeState.choices, empty_label="Any state")

    class Meta:
        model = Tape
        fields = ()
