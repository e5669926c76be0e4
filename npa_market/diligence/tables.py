"""Tables of the lists."""

from datetime import datetime

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.templatetags.market import count, moment, money, short_hash
from npa_market.diligence.models import AccessRecord, DataRoom

NUM = {"th": {"class": "num"}, "td": {"class": "num"}}


class RoomTable(tables.Table):
    package = tables.LinkColumn(
        "diligence:room",
        args=[tables.A("pk")],
        accessor="package__reference",
        verbose_name="Package",
    )
    title = tables.Column(accessor="package__title", verbose_name="Title", orderable=False)
    seller = tables.Column(accessor="package__seller__name", verbose_name="Seller")
    state = tables.Column(empty_values=(), verbose_name="State", orderable=False)
    loans = tables.Column(accessor="package__loans", verbose_name="Loans", attrs=NUM)
    currency = tables.Column(accessor="package__currency", verbose_name="Currency", orderable=False)
    claim_minor = tables.Column(accessor="package__claim_minor", verbose_name="Claim", attrs=NUM)
    opened_at = tables.Column(verbose_name="Opened")

    class Meta:
        model = DataRoom
        fields = ()
        order_by = "-opened_at"

    def render_state(self, record: DataRoom) -> str:
        word, tone = ("Open", "live") if record.is_open else ("Closed", "")
        return format_html('<span class="tag {}">{}</span>', tone, word)

    def value_state(self, record: DataRoom) -> str:
        return "open" if record.is_open else "closed"

    def render_loans(self, value: int) -> str:
        return count(value)

    def value_loans(self, value: int) -> int:
        return value

    def render_claim_minor(self, value: int, record: DataRoom) -> str:
        return money(value, record.package.currency)

    def render_opened_at(self, value: datetime) -> str:
        return moment(value)

    def value_opened_at(self, value: datetime) -> str:
        return value.isoformat()


class AccessTable(tables.Table):
    at = tables.Column(verbose_name="Time")
    organisation = tables.Column(accessor="organisation__name", verbose_name="Institution")
    user = tables.Column(accessor="user__email", verbose_name="Person")
    document = tables.Column(verbose_name="Document")
    source_sha256 = tables.Column(verbose_name="Made from", orderable=False)
    key = tables.Column(accessor="pk", verbose_name="Mark in the copy", orderable=False)

    class Meta:
        model = AccessRecord
        fields = ()
        order_by = "-at"

    def render_at(self, value: datetime) -> str:
        return moment(value)

    def value_at(self, value: datetime) -> str:
        return value.isoformat()

    def render_source_sha256(self, value: str) -> str:
        return short_hash(value)

    def value_source_sha256(self, value: str) -> str:
        return value

    def render_key(self, value: object) -> str:
        return format_html("<code>{}</code>", value)
