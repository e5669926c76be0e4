"""The books as tables."""

from datetime import datetime
from uuid import UUID

import django_tables2 as tables
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from npa_market.common.money import format_minor
from npa_market.common.templatetags.market import moment, state_tag
from npa_market.ledger.models import Hold, Posting

RIGHT = {"td": {"class": "num"}, "th": {"class": "num"}}


def lot_link(lot_id: UUID | None) -> str:
    """The lot's short key, linked to its page: the books know lots by key alone."""
    if lot_id is None:
        return "–"
    try:
        url = reverse("auctions:detail", args=[lot_id])
    except NoReverseMatch:
        return str(lot_id)[-8:]
    return format_html('<a href="{}"><code>{}</code></a>', url, str(lot_id)[-8:])


class JournalTable(tables.Table):
    date = tables.Column("Booked", accessor="entry__booked_at", order_by="entry__seq")
    entry = tables.Column("Entry", accessor="entry__reference", order_by="entry__seq")
    account = tables.Column("Account", accessor="account__get_kind_display", orderable=False)
    party = tables.Column("Party", accessor="account__organisation", default="Venue")
    debit = tables.Column("Debit", accessor="amount_minor", attrs=RIGHT, orderable=False)
    credit = tables.Column("Credit", accessor="amount_minor", attrs=RIGHT, orderable=False)
    currency = tables.Column("Currency", accessor="account__currency", orderable=False)
    lot = tables.Column("Lot", accessor="entry__lot_id", orderable=False)
    text = tables.Column("Text", accessor="entry__text", orderable=False)

    class Meta:
        model = Posting
        fields = ()
        order_by = ("-entry",)

    def render_date(self, value: datetime) -> str:
        return moment(value)

    def value_date(self, value: datetime) -> str:
        return value.isoformat()

    def render_debit(self, value: int, record: Posting) -> str:
        return format_minor(value, record.account.currency) if value > 0 else ""

    def render_credit(self, value: int, record: Posting) -> str:
        return format_minor(-value, record.account.currency) if value < 0 else ""

    def render_lot(self, value: UUID | None) -> str:
        return lot_link(value)

    def value_lot(self, value: UUID | None) -> str:
        return str(value or "")


class HoldTable(tables.Table):
    taken_at = tables.Column("Received")
    buyer = tables.Column("Buyer")
    lot_id = tables.Column("Lot", orderable=False)
    currency = tables.Column("Currency", orderable=False)
    amount_minor = tables.Column("Deposit", attrs=RIGHT)
    state = tables.Column("State")
    resolved_at = tables.Column("Resolved", default="–")

    class Meta:
        model = Hold
        fields = ("taken_at", "buyer", "lot_id", "currency", "amount_minor", "state", "resolved_at")
        order_by = "-taken_at"

    def render_taken_at(self, value: datetime) -> str:
        return moment(value)

    def render_resolved_at(self, value: datetime) -> str:
        return moment(value)

    def render_lot_id(self, value: UUID) -> str:
        return lot_link(value)

    def value_lot_id(self, value: UUID) -> str:
        return str(value)

    def render_amount_minor(self, value: int, record: Hold) -> str:
        return format_minor(value, record.currency)

    def render_state(self, record: Hold) -> str:
        return state_tag(record)

    def value_state(self, record: Hold) -> str:
        return record.get_state_display()
