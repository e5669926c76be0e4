"""Finding entries and deposits."""

import django_filters
from django import forms

from npa_market.ledger.models import AccountKind, Hold, HoldState, Posting

DAY = forms.DateInput(attrs={"type": "date"})


class JournalFilter(django_filters.FilterSet):
    lot = django_filters.UUIDFilter(field_name="entry__lot_id", label="Lot key")
    entry = django_filters.CharFilter(
        field_name="entry__reference", lookup_expr="iexact", label="Entry"
    )
    account = django_filters.ChoiceFilter(
        field_name="account__kind", choices=AccountKind.choices, label="Account"
    )
    since = django_filters.DateFilter(
        field_name="entry__booked_at", lookup_expr="date__gte", label="From", widget=DAY
    )
    until = django_filters.DateFilter(
        field_name="entry__booked_at", lookup_expr="date__lte", label="To", widget=DAY
    )

    class Meta:
        model = Posting
        fields = ("lot", "entry", "account", "since", "until")


class HoldFilter(django_filters.FilterSet):
    lot = django_filters.UUIDFilter(field_name="lot_id", label="Lot key")
    state = django_filters.ChoiceFilter(choices=HoldState.choices)

    class Meta:
        model = Hold
        fields = ("lot", "state")
