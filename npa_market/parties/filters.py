"""Finding institutions."""

import django_filters

from npa_market.parties.models import Organisation, QualificationState
from npa_market.parties.roles import OrganisationKind


class InstitutionFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", label="Name contains")
    kind = django_filters.ChoiceFilter(choices=OrganisationKind.choices, label="Kind")
    qualification = django_filters.ChoiceFilter(
        choices=QualificationState.choices, label="Qualification"
    )

    class Meta:
        model = Organisation
        fields = ("name", "kind", "qualification")
