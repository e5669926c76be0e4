"""The list of tapes."""

from datetime import datetime

import django_tables2 as tables

from npa_market.common.templatetags.market import count, moment, money, state_tag
from npa_market.tapes.models import Tape

NUM = {"th": {"class": "num"}, "td": {"class": "num"}}


class TapeTable(tables.Table):
    reference = tables.Column("Tape", linkify=True)
    file_name = tables.Column("File", orderable=False)
    state = tables.Column("State")
    cut_off_date = tables.DateColumn("d M Y", verbose_name="Cut-off")
    rows_read = tables.Column("Rows", attrs=NUM)
    rows_imported = tables.Column("Loans", attrs=NUM)
    rows_rejected = tables.Column("Rejected", attrs=NUM)
    claim = tables.Column("Claim", empty_values=(), orderable=False, attrs=NUM)
    currency = tables.Column("Currency", orderable=False)
    uploaded_at = tables.Column("Uploaded")

    class Meta:
        model = Tape
        fields = ()
        order_by = "-uploaded_at"

    def render_state(self, record: Tape) -> str:
        return state_tag(record)

    def value_state(self, record: Tape) -> str:
        return record.get_state_display()

    def render_rows_read(self, value: int) -> str:
        return count(value)

    def render_rows_imported(self, value: int) -> str:
        return count(value)

    def render_rows_rejected(self, value: int) -> str:
        return count(value)

    def value_rows_read(self, value: int) -> int:
        return value

    def value_rows_imported(self, value: int) -> int:
        return value

    def value_rows_rejected(self, value: int) -> int:
        return value

    def render_claim(self, record: Tape) -> str:
        total = record.control_totals.get("claim_minor")
        return money(total["imported"], record.currency) if total else "–"

    def render_uploaded_at(self, value: datetime) -> str:
        return moment(value)

    def value_uploaded_at(self, value: datetime) -> str:
        return value.isoformat()
