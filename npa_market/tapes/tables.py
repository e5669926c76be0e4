"""The list of tapes."""

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html

from npa_market.common.tables import (
    CountColumn,
    DayColumn,
    MomentColumn,
    MoneyColumn,
    StateColumn,
)
from npa_market.tapes.models import Tape
from npa_market.tapes.personal_models import PersonalAccess


class TapeTable(tables.Table):
    reference = tables.Column("Tape", linkify=True)
    file_name = tables.Column("File", orderable=False)
    state = StateColumn("State")
    cut_off_date = DayColumn("Cut-off")
    rows_read = CountColumn("Rows")
    rows_imported = CountColumn("Loans")
    rows_rejected = CountColumn("Rejected")
    claim = MoneyColumn(
        "Claim", accessor="control_totals__claim_minor__imported", orderable=False, default="–"
    )
    currency = tables.Column("Currency", orderable=False)
    uploaded_at = MomentColumn("Uploaded")

    class Meta:
        model = Tape
        fields = ()
        order_by = "-uploaded_at"


class AccessTable(tables.Table):
    """Lines of the access log."""

    at = MomentColumn("When")
    user = tables.Column("Who", orderable=False)
    form = tables.Column("Form")
    people = CountColumn("People")
    fields = tables.Column("Fields", orderable=False)
    reason = tables.Column("Why", orderable=False)
    tape = tables.Column("Tape", orderable=False)

    class Meta:
        model = PersonalAccess
        fields = ()
        order_by = "-at"

    def render_fields(self, value: str) -> str:
        return value.replace(",", ", ").replace("_", " ")

    def render_tape(self, record: PersonalAccess) -> str:
        if record.loan:
            url = reverse("tapes:loan", args=[record.tape_id, record.loan])
            return format_html('<a href="{}">{}, one loan</a>', url, record.tape)
        return format_html('<a href="{}">{}</a>', record.tape.get_absolute_url(), record.tape)

    def value_tape(self, record: PersonalAccess) -> str:
        return str(record.tape)
