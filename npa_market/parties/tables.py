"""Institutions as a table."""

import django_tables2 as tables

from npa_market.common.tables import NUM, DayColumn, StateColumn
from npa_market.parties.models import Organisation


class InstitutionTable(tables.Table):
    name = tables.Column(
        "Institution", linkify=("parties:detail", {"organisation_id": tables.A("pk")})
    )
    kind = tables.Column("Kind")
    country = tables.Column("Country")
    licence_number = tables.Column("Licence", default="–", orderable=False)
    qualification = StateColumn("Qualification")
    qualified_until = DayColumn("Valid until", default="–", attrs=NUM)

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
