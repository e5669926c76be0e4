"""Notices as a table and how to find them."""

import django_filters
import django_tables2 as tables
from django.db.models import QuerySet

from npa_market.auctions.notices.models import Notice, NoticeKind
from npa_market.common.tables import CountColumn, DayColumn, MomentColumn, MoneyColumn


class NoticeTable(tables.Table):
    """What is public of each offer; no price."""

    reference = tables.Column("Notice", linkify=True)
    kind = tables.Column("Kind")
    title = tables.Column("Package", accessor="package__title")
    seller = tables.Column("Seller", accessor="package__seller__name")
    loans = CountColumn("Loans", accessor="package__loans")
    currency = tables.Column("Currency", accessor="package__currency", orderable=False)
    principal = MoneyColumn(
        "Principal", accessor="package__principal_minor", currency="package__currency"
    )
    bidding_day = DayColumn("Bidding day")
    published_at = MomentColumn("Published")

    class Meta:
        model = Notice
        fields = (
            "reference", "kind", "title", "seller", "loans", "currency", "principal",
            "bidding_day", "published_at",
        )  # fmt: skip
        order_by = "-published_at"


class NoticeFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=NoticeKind.choices, label="Kind")
    title = django_filters.CharFilter(
        field_name="package__title", lookup_expr="icontains", label="Package contains"
    )
    seller = django_filters.CharFilter(
        field_name="package__seller__name", lookup_expr="icontains", label="Seller contains"
    )
    upcoming = django_filters.DateFilter(
        field_name="bidding_day", lookup_expr="gte", label="Bidding day from"
    )

    class Meta:
        model = Notice
        fields = ("kind", "title", "seller", "upcoming")

    def filter_queryset(self, queryset: QuerySet[Notice]) -> QuerySet[Notice]:
        return super().filter_queryset(queryset).select_related("package__seller")
