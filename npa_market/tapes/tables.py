"""The list of tapes."""

from datetime import datetime

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html

from npa_market.common.templatetags.market import count, moment, money, state_tag
from npa_market.tapes.models import Tape
from npa_market.tapes.personal_models import PersonalAccess

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


class AccessTable(tables.Table):
    """Lines of the access log."""

    at = tables.Column("When")
    user = tables.Column("Who", orderable=False)
    form = tables.Column("Form")
    people = tables.Column("People", attrs=NUM)
    fields = tables.Column("Fields", orderable=False)
    reason = tables.Column("Why", orderable=False)
    tape = tables.Column("Tape", orderable=False)

    class Meta:
        model = PersonalAccess
        fields = ()
        order_by = "-at"

    def render_at(self, value: datetime) -> str:
        return moment(value)

    def value_at(self, value: datetime) -> str:
        return value.isoformat()

    def render_people(self, value: int) -> str:
        return count(value)

    def value_people(self, value: int) -> int:
        return value

    def render_fields(self, value: str) -> str:
        return value.replace(",", ", ").replace("_", " ")

    def render_tape(self, record: PersonalAccess) -> str:
        if record.loan:
            url = reverse("tapes:loan", args=[record.tape_id, record.loan])
            return format_html('<a href="{}">{}, one loan</a>', url, record.tape)
        return format_html('<a href="{}">{}</a>', record.tape.get_absolute_url(), record.tape)

    def value_tape(self, record: PersonalAccess) -> str:
        return str(record.tape)
