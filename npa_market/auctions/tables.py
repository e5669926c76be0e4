"""Lots as a table."""

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.safestring import SafeString

from npa_market.auctions.models import Lot
from npa_market.auctions.templatetags.auctions import lot_tag
from npa_market.common.tables import CountColumn, MomentColumn, MoneyColumn


class LotTable(tables.Table):
    """Start price and leading bid stand behind the sign-in, the reserve nowhere."""

    reference = tables.Column("Lot", linkify=("auctions:detail", {"lot_id": tables.A("pk")}))
    title = tables.Column("Title")
    loans = CountColumn("Loans", accessor="package__loans")
    currency = tables.Column("Currency", orderable=False)
    claim = MoneyColumn("Claim", accessor="package__claim_minor")
    start_price_minor = MoneyColumn("Start price")
    leading_minor = MoneyColumn("Leading bid", default="–")
    bids = CountColumn("Bids", accessor="shown_bids", order_by="bids", default="–")
    ends_at = MomentColumn("Ends", zone="time_zone")
    state = tables.Column("State")

    class Meta:
        model = Lot
        fields = (
            "reference", "title", "loans", "currency", "claim", "start_price_minor",
            "leading_minor", "bids", "ends_at", "state",
        )  # fmt: skip
        order_by = "-reference"

    def render_reference(self, value: str, record: Lot) -> SafeString | str:
        event = record.sale_event
        return (
            value
            if event is None
            else format_html(
                '{} <span class="tag" title="{}">{}</span>', value, event.title, event.reference
            )
        )

    def value_reference(self, value: str) -> str:
        return value

    def render_state(self, record: Lot) -> str:
        return lot_tag(record)

    def value_state(self, record: Lot) -> str:
        state = record.get_state_display()
        return state if record.released_at is None else f"{state}, deal cancelled"
