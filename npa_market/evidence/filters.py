"""Finding entries of the log."""

import django_filters

from npa_market.evidence.models import Entry


class EntryFilter(django_filters.FilterSet):
    type = django_filters.CharFilter(lookup_expr="startswith", label="Act starts with")
    object_id = django_filters.CharFilter(label="Key of the object")

    class Meta:
        model = Entry
        fields = ("type", "object_id")
