"""Statements as a table."""

import django_tables2 as tables

from npa_market.common.tables import MomentColumn, MoneyColumn, StateColumn
from npa_market.settlement.models import Statement


class StatementTable(tables.Table):
    reference = tables.Column(
        "Statement", linkify=("settlement:detail", {"statement_id": tables.A("pk")})
    )
    deal = tables.Column("Deal", accessor="deal__reference", orderable=False)
    seller = tables.Column("Seller", accessor="deal__seller", orderable=False)
    buyer = tables.Column("Buyer", accessor="deal__buyer", orderable=False)
    currency = tables.Column("Currency", orderable=False)
    hammer_minor = MoneyColumn("Hammer price")
    balance_minor = MoneyColumn("Balance")
    seller_net_minor = MoneyColumn("Net to the seller")
    state = StateColumn("State", orderable=False)
    created_at = MomentColumn("Made")

    class Meta:
        model = Statement
        fields = ()
        order_by = "-created_at"
