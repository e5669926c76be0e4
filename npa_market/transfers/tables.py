"""Deals and their loans as tables."""

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.tables import MomentColumn, MoneyColumn, StateColumn
from npa_market.transfers.models import Deal, LoanPrice


class DealTable(tables.Table):
    reference = tables.Column("Deal", linkify=("transfers:detail", {"deal_id": tables.A("pk")}))
    lot = tables.Column("Lot", accessor="lot__title", orderable=False)
    seller = tables.Column("Seller")
    buyer = tables.Column("Buyer")
    currency = tables.Column("Currency", orderable=False)
    hammer_minor = MoneyColumn("Hammer price")
    state = StateColumn("State", orderable=False)
    awarded_at = MomentColumn("Awarded")

    class Meta:
        model = Deal
        fields = ()
        order_by = "-awarded_at"


class AllocationTable(tables.Table):
    token = tables.Column("Loan token")
    price_minor = MoneyColumn("Price", currency="deal__currency")
    exclusion = tables.Column("Excluded", default="–", orderable=False)

    class Meta:
        model = LoanPrice
        fields = ()
        order_by = "token"

    def render_token(self, value: str) -> str:
        return format_html("<code>{}</code>", value)

    def value_token(self, value: str) -> str:
        return value
