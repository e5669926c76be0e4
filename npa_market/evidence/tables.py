"""The log as a table, in its order but without numbers: gaps would count what is withheld (S7)."""

import django_tables2 as tables

from npa_market.common.tables import MomentColumn
from npa_market.common.templatetags.market import short_hash
from npa_market.evidence.models import Entry
from npa_market.evidence.queries import act_in_words, betrays_actor, subject_in_words


class EntryTable(tables.Table):
    time = MomentColumn("Time", order_by="seq")
    type = tables.Column(
        "What",
        orderable=False,
        linkify=("evidence:detail", {"payload_sha256": tables.A("payload_sha256")}),
    )
    object_type = tables.Column("About", orderable=False)
    prev_state = tables.Column("State before", orderable=False, default="–")
    leaf_sha256 = tables.Column("Leaf hash", orderable=False)

    class Meta:
        model = Entry
        fields = ("time", "type", "object_type", "prev_state", "leaf_sha256")
        order_by = "-time"

    def render_type(self, value: str) -> str:
        return act_in_words(value)

    def render_object_type(self, record: Entry) -> str:
        return subject_in_words(record)

    def render_leaf_sha256(self, record: Entry) -> str:
        return "withheld" if betrays_actor(record) else short_hash(record.leaf_sha256)

    def value_leaf_sha256(self, record: Entry) -> str:
        return "withheld" if betrays_actor(record) else record.leaf_sha256
