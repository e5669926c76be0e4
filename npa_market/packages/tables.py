"""The list of packages."""

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.tables import NUM, CountColumn, DayColumn, MoneyColumn, StateColumn
from npa_market.packages.models import Package


class PackageTable(tables.Table):
    reference = tables.Column("Package", linkify=True)
    state = StateColumn("State")
    loans = CountColumn("Loans")
    borrowers = CountColumn("Borrowers")
    claim_minor = MoneyColumn("Claim")
    currency = tables.Column("Currency", orderable=False)
    principal_minor = MoneyColumn("Principal")
    cut_off_date = DayColumn("Cut-off date", attrs=NUM)
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


class OwnPackageTable(PackageTable):
    """The same for people of one seller."""

    class Meta(PackageTable.Meta):
        exclude = ("seller",)
