"""The list of packages."""

from datetime import date
from typing import Any

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.money import to_decimal
from npa_market.common.templatetags.market import count, money, state_tag
from npa_market.packages.models import Package

NUM = {"th": {"class": "num"}, "td": {"class": "num"}}


class PackageTable(tables.Table):
    reference = tables.Column("Package", linkify=True)
    state = tables.Column("State")
    loans = tables.Column("Loans", attrs=NUM)
    borrowers = tables.Column("Borrowers", attrs=NUM)
    claim_minor = tables.Column("Claim", attrs=NUM)
    currency = tables.Column("Currency", orderable=False)
    principal_minor = tables.Column("Principal", attrs=NUM)
    cut_off_date = tables.Column("Cut-off date", attrs=NUM)
    seller = tables.Column("Seller", accessor="seller__name")

    class Meta:
        model = Package
        fields = ()
        order_by = "-reference"

    def render_reference(self, record: Package) -> str:
        return format_html(
            '<b>{}</b><br><span class="muted">{}</span>', record.reference, record.title
        )

    def value_reference(self, record: Package) -> str:
        return record.reference

    def render_state(self, record: Package) -> str:
        return state_tag(record)

    def value_state(self, record: Package) -> str:
        return str(record.get_state_display())

    def render_cut_off_date(self, value: date) -> str:
        return f"{value:%d %b %Y}"

    def value_cut_off_date(self, value: date) -> str:
        return value.isoformat()

    def render_loans(self, value: int) -> str:
        return count(value)

    def value_loans(self, value: int) -> int:
        return value

    def render_borrowers(self, value: int) -> str:
        return count(value)

    def value_borrowers(self, value: int) -> int:
        return value

    def render_principal_minor(self, value: int, record: Package) -> str:
        return money(value, record.currency)

    def value_principal_minor(self, value: int, record: Package) -> Any:
        return to_decimal(value, record.currency)

    def render_claim_minor(self, value: int, record: Package) -> str:
        return money(value, record.currency)

    def value_claim_minor(self, value: int, record: Package) -> Any:
        return to_decimal(value, record.currency)


class OwnPackageTable(PackageTable):
    """The same for people of one seller."""

    class Meta(PackageTable.Meta):
        exclude = ("seller",)
