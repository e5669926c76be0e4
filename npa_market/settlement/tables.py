"""Statements as a table."""

from datetime import datetime

import django_tables2 as tables

from npa_market.common.templatetags.market import moment, money, state_tag
from npa_market.settlement.models import Statement

NUM = {"th": {"class": "num"}, "td": {"class": "num"}}


class StatementTable(tables.Table):
    reference = tables.Column(
        "Statement", linkify=("settlement:detail", {"statement_id": tables.A("pk")})
    )
    deal = tables.Column("Deal", accessor="deal__reference", orderable=False)
    seller = tables.Column("Seller", accessor="deal__seller", orderable=False)
    buyer = tables.Column("Buyer", accessor="deal__buyer", orderable=False)
    currency = tables.Column("Currency", orderable=False)
    hammer_minor = tables.Column("Hammer price", attrs=NUM)
    balance_minor = tables.Column("Balance", attrs=NUM)
    seller_net_minor = tables.Column("Net to the seller", attrs=NUM)
    state = tables.Column("State", orderable=False)
    created_at = tables.Column("Made")

    class Meta:
        model = Statement
        fields = ()
        order_by = "-created_at"

    def _money(self, value: int, record: Statement) -> str:
        return money(value, record.currency)

    render_hammer_minor = render_balance_minor = render_seller_net_minor = _money

    def render_state(self, record: Statement) -> str:
        return state_tag(record)

    def value_state(self, record: Statement) -> str:
        return record.get_state_display()

    def render_created_at(self, value: datetime) -> str:
        return moment(value)

    def value_created_at(self, value: datetime) -> str:
        return value.isoformat()
