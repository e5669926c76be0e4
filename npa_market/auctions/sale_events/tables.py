"""Events as a table."""

import django_filters
import django_tables2 as tables

from npa_market.auctions.models import SaleEvent
from npa_market.common.tables import CountColumn, MomentColumn, MoneyColumn


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
    lot_count = CountColumn("Lots")
    currency = tables.Column("Currency", orderable=False)
    whole_start = MoneyColumn("Sum of start prices")
    opens = MomentColumn("Opens", zone="zone")
    ends = MomentColumn("Last deadline", zone="zone")
    outcome = tables.Column("Outcome", default="–")

    class Meta:
        model = SaleEvent
        fields = (
            "reference", "title", "lot_count", "currency", "whole_start", "opens", "ends",
            "outcome",
        )  # fmt: skip
        order_by = "-reference"

    def render_outcome(self, record: SaleEvent) -> str:
        return record.get_outcome_display()
