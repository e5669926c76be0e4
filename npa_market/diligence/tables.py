"""Tables of the lists."""

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.tables import CountColumn, MomentColumn, MoneyColumn
from npa_market.common.templatetags.market import short_hash
from npa_market.diligence.models import AccessRecord, DataRoom


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
    loans = CountColumn("Loans", accessor="package__loans")
    currency = tables.Column(accessor="package__currency", verbose_name="Currency", orderable=False)
    claim_minor = MoneyColumn(
        "Claim", accessor="package__claim_minor", currency="package__currency"
    )
    opened_at = MomentColumn("Opened")

    class Meta:
        model = DataRoom
        fields = ()
        order_by = "-opened_at"

    def render_state(self, record: DataRoom) -> str:
        word, tone = ("Open", "live") if record.is_open else ("Closed", "")
        return format_html('<span class="tag {}">{}</span>', tone, word)

    def value_state(self, record: DataRoom) -> str:
        return "open" if record.is_open else "closed"


class AccessTable(tables.Table):
    at = MomentColumn("Time")
    organisation = tables.Column(accessor="organisation__name", verbose_name="Institution")
    user = tables.Column(accessor="user__email", verbose_name="Person")
    document = tables.Column(verbose_name="Document")
    source_sha256 = tables.Column(verbose_name="Made from", orderable=False)
    key = tables.Column(accessor="pk", verbose_name="Mark in the copy", orderable=False)

    class Meta:
        model = AccessRecord
        fields = ()
        order_by = "-at"

    def render_source_sha256(self, value: str) -> str:
        return short_hash(value)

    def value_source_sha256(self, value: str) -> str:
        return value

    def render_key(self, value: object) -> str:
        return format_html("<code>{}</code>", value)
