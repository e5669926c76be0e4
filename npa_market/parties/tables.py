"""Institutions as a table."""

import django_tables2 as tables

from npa_market.common.templatetags.market import state_tag
from npa_market.parties.models import Organisation


class InstitutionTable(tables.Table):
    name = tables.Column(
        "Institution", linkify=("parties:detail", {"organisation_id": tables.A("pk")})
    )
    kind = tables.Column("Kind")
    country = tables.Column("Country")
    licence_number = tables.Column("Licence", default="–", orderable=False)
    qualification = tables.Column("Qualification")
    qualified_until = tables.DateColumn(
        "d M Y",
        verbose_name="Valid until",
        default="–",
        attrs={"td": {"class": "num"}, "th": {"class": "num"}},
    )

    class Meta:
        model = Organisation
        fields = (
            "name",
            "kind",
            "country",
            "licence_number",
            "qualification",
            "qualified_until",
        )
        order_by = "name"

    def render_qualification(self, record: Organisation) -> str:
        return state_tag(record, "qualification")

    def value_qualification(self, record: Organisation) -> str:
        return record.get_qualification_display()
