"""Lots as a table."""

import django_tables2 as tables
from django.utils.html import format_html
from django.utils.safestring import SafeString

from npa_market.auctions.models import Lot
from npa_market.auctions.templatetags.auctions import lot_tag
from npa_market.common.money import format_minor
from npa_market.common.templatetags.market import count, moment

RIGHT = {"td": {"class": "num"}, "th": {"class": "num"}}


class LotTable(tables.Table):
    """Start price and leading bid stand behind the sign-in, the reserve nowhere."""

    reference = tables.Column("Lot", linkify=("auctions:detail", {"lot_id": tables.A("pk")}))
    title = tables.Column("Title")
    loans = tables.Column("Loans", accessor="package__loans", attrs=RIGHT)
    currency = tables.Column("Currency", orderable=False)
    claim = tables.Column("Claim", accessor="package__claim_minor", attrs=RIGHT)
    start_price_minor = tables.Column("Start price", attrs=RIGHT)
    leading_minor = tables.Column("Leading bid", attrs=RIGHT, default="–")
    bids = tables.Column("Bids", attrs=RIGHT)
    ends_at = tables.Column("Ends")
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

    def render_loans(self, value: int) -> str:
        return count(value)

    def render_claim(self, value: int, record: Lot) -> str:
        return format_minor(value, record.currency)

    def render_start_price_minor(self, value: int, record: Lot) -> str:
        return format_minor(value, record.currency)

    def render_leading_minor(self, value: int, record: Lot) -> str:
        return format_minor(value, record.currency)

    def render_ends_at(self, value: object, record: Lot) -> str:
        return moment(record.ends_at, record.time_zone)

    def value_ends_at(self, value: object, record: Lot) -> str:
        return record.ends_at.isoformat()

    def render_state(self, record: Lot) -> str:
        return lot_tag(record)

    def value_state(self, record: Lot) -> str:
        state = record.get_state_display()
        return state if record.released_at is None else f"{state}, deal cancelled"
