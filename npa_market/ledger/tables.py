"""The books as tables."""

from decimal import Decimal
from uuid import UUID

import django_tables2 as tables
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from npa_market.common.tables import MomentColumn, MoneyColumn, StateColumn
from npa_market.ledger.models import Hold, Posting


def lot_link(lot_id: UUID | None) -> str:
    """The lot's short key, linked to its page: the books know lots by key alone."""
    if lot_id is None:
        return "–"
    try:
        url = reverse("auctions:detail", args=[lot_id])
    except NoReverseMatch:
        return str(lot_id)[-8:]
    return format_html('<a href="{}"><code>{}</code></a>', url, str(lot_id)[-8:])


class _SideColumn(MoneyColumn):
    """The amount of a posting where it stands on this side (`sign`), else nothing."""

    def __init__(self, name: str, *, sign: int) -> None:
        super().__init__(
            name, accessor="amount_minor", currency="account__currency", orderable=False
        )
        self._sign = sign

    def render(self, value: int, record: Posting) -> str:
        return super().render(self._sign * value, record) if self._sign * value > 0 else ""

    def value(self, value: int, record: Posting) -> Decimal | None:
        return super().value(self._sign * value, record) if self._sign * value > 0 else None


class JournalTable(tables.Table):
    date = MomentColumn("Booked", accessor="entry__booked_at", order_by="entry__seq")
    entry = tables.Column("Entry", accessor="entry__reference", order_by="entry__seq")
    account = tables.Column("Account", accessor="account__get_kind_display", orderable=False)
    party = tables.Column("Party", accessor="account__organisation", default="Venue")
    debit = _SideColumn("Debit", sign=1)
    credit = _SideColumn("Credit", sign=-1)
    currency = tables.Column("Currency", accessor="account__currency", orderable=False)
    lot = tables.Column("Lot", accessor="entry__lot_id", orderable=False)
    text = tables.Column("Text", accessor="entry__text", orderable=False)

    class Meta:
        model = Posting
        fields = ()
        order_by = ("-entry",)

    def render_lot(self, value: UUID | None) -> str:
        return lot_link(value)

    def value_lot(self, value: UUID | None) -> str:
        return str(value or "")


class HoldTable(tables.Table):
    taken_at = MomentColumn("Received")
    buyer = tables.Column("Buyer")
    lot_id = tables.Column("Lot", orderable=False)
    currency = tables.Column("Currency", orderable=False)
    amount_minor = MoneyColumn("Deposit")
    state = StateColumn("State")
    resolved_at = MomentColumn("Resolved", default="–")

    class Meta:
        model = Hold
        fields = ("taken_at", "buyer", "lot_id", "currency", "amount_minor", "state", "resolved_at")
        order_by = "-taken_at"

    def render_lot_id(self, value: UUID) -> str:
        return lot_link(value)

    def value_lot_id(self, value: UUID) -> str:
        return str(value)
