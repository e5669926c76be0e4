"""Notices as a table and how to find them."""

from typing import Any

import django_filters
import django_tables2 as tables
from django.db.models import QuerySet

from npa_market.auctions.notices.models import Notice, NoticeKind
from npa_market.common.money import format_minor
from npa_market.common.templatetags.market import count, moment

RIGHT = {"td": {"class": "num"}, "th": {"class": "num"}}


class NoticeTable(tables.Table):
    """What is public of each offer; no price."""

    reference = tables.Column("Notice", linkify=True)
    kind = tables.Column("Kind")
    title = tables.Column("Package", accessor="package__title")
    seller = tables.Column("Seller", accessor="package__seller__name")
    loans = tables.Column("Loans", accessor="package__loans", attrs=RIGHT)
    currency = tables.Column("Currency", accessor="package__currency", orderable=False)
    principal = tables.Column("Principal", accessor="package__principal_minor", attrs=RIGHT)
    bidding_day = tables.DateColumn(format="d M Y", verbose_name="Bidding day")
    published_at = tables.Column("Published")

    class Meta:
        model = Notice
        fields = (
            "reference", "kind", "title", "seller", "loans", "currency", "principal",
            "bidding_day", "published_at",
        )  # fmt: skip
        order_by = "-published_at"

    def render_loans(self, value: int) -> str:
        return count(value)

    def render_principal(self, value: int, record: Notice) -> str:
        return format_minor(value, record.package.currency)

    def render_published_at(self, value: Any) -> str:
        return moment(value)

    def value_published_at(self, value: Any) -> str:
        return value.isoformat()


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
