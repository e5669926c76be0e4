"""Events as a table."""

import django_filters
import django_tables2 as tables

from npa_market.auctions.models import SaleEvent
from npa_market.common.money import format_minor
from npa_market.common.templatetags.market import moment

RIGHT = {"td": {"class": "num"}, "th": {"class": "num"}}


class SaleEventFilter(django_filters.FilterSet):
    title = django_filters.CharFilter(lookup_expr="icontains", label="Title contains")
    currency = django_filters.CharFilter(lookup_expr="iexact", label="Currency")

    class Meta:
        model = SaleEvent
        fields = ("title", "currency")


class SaleEventTable(tables.Table):
    """Rows come with `lot_count`, `whole_start`, `opens` and `ends` of their lots."""

    reference = tables.Column("Event", linkify=("auctions:event", {"event_id": tables.A("pk")}))
    title = tables.Column("Title")
    lot_count = tables.Column("Lots", attrs=RIGHT)
    currency = tables.Column("Currency", orderable=False)
    whole_start = tables.Column("Sum of start prices", attrs=RIGHT)
    opens = tables.Column("Opens")
    ends = tables.Column("Last deadline")
    outcome = tables.Column("Outcome", default="–")

    class Meta:
        model = SaleEvent
        fields = (
            "reference", "title", "lot_count", "currency", "whole_start", "opens", "ends",
            "outcome",
        )  # fmt: skip
        order_by = "-reference"

    def render_whole_start(self, value: int, record: SaleEvent) -> str:
        return format_minor(value, record.currency)

    def render_opens(self, value: object, record: SaleEvent) -> str:
        return moment(value, record.zone)  # type: ignore[arg-type, attr-defined]

    def render_ends(self, value: object, record: SaleEvent) -> str:
        return moment(value, record.zone)  # type: ignore[arg-type, attr-defined]

    def render_outcome(self, record: SaleEvent) -> str:
        return record.get_outcome_display()
