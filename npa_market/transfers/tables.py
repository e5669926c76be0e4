"""Deals and their loans as tables."""

from datetime import datetime

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.templatetags.market import moment, money, state_tag
from npa_market.transfers.models import Deal, LoanPrice

NUM = {"th": {"class": "num"}, "td": {"class": "num"}}


class DealTable(tables.Table):
    reference = tables.Column("Deal", linkify=("transfers:detail", {"deal_id": tables.A("pk")}))
    lot = tables.Column("Lot", accessor="lot__title", orderable=False)
    seller = tables.Column("Seller")
    buyer = tables.Column("Buyer")
    currency = tables.Column("Currency", orderable=False)
    hammer_minor = tables.Column("Hammer price", attrs=NUM)
    state = tables.Column("State", orderable=False)
    awarded_at = tables.Column("Awarded")

    class Meta:
        model = Deal
        fields = ()
        order_by = "-awarded_at"

    def render_hammer_minor(self, value: int, record: Deal) -> str:
        return money(value, record.currency)

    def render_state(self, record: Deal) -> str:
        return state_tag(record)

    def value_state(self, record: Deal) -> str:
        return str(record.get_state_display())

    def render_awarded_at(self, value: datetime) -> str:
        return moment(value)

    def value_awarded_at(self, value: datetime) -> str:
        return value.isoformat()


class AllocationTable(tables.Table):
    token = tables.Column("Loan token")
    price_minor = tables.Column("Price", attrs=NUM)
    exclusion = tables.Column("Excluded", default="–", orderable=False)

    class Meta:
        model = LoanPrice
        fields = ()
        order_by = "token"

    def render_token(self, value: str) -> str:
        return format_html("<code>{}</code>", value)

    def value_token(self, value: str) -> str:
        return value

    def render_price_minor(self, value: int, record: LoanPrice) -> str:
        return money(value, record.deal.currency)
