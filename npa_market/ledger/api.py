"""The books for machines: read only; services book."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, viewsets

from npa_market.common.api import VisibleRows
from npa_market.ledger.models import Hold, JournalEntry, Posting
from npa_market.parties.access import access_for
from npa_market.parties.roles import FINANCE_ROLES, VENUE_ROLES

READERS = access_for(*(FINANCE_ROLES | VENUE_ROLES))


class PostingSerializer(serializers.ModelSerializer):
    """Positive = debit, negative = credit, minor units."""

    account_kind = serializers.CharField(source="account.kind", read_only=True)
    party = serializers.SerializerMethodField()
    currency = serializers.CharField(source="account.currency", read_only=True)

    class Meta:
        model = Posting
        fields = ("account_kind", "party", "currency", "amount_minor")

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_party(self, posting: Posting) -> str | None:
        """Name of the account's institution; null for the venue's own accounts."""
        party = posting.account.organisation
        return party.name if party else None


class JournalEntrySerializer(serializers.ModelSerializer):
    postings = PostingSerializer(many=True, read_only=True)

    class Meta:
        model = JournalEntry
        fields = (
            "id", "seq", "reference", "kind", "text", "booked_at", "lot_id", "reverses", "postings",
        )  # fmt: skip


class HoldSerializer(serializers.ModelSerializer):
    class Meta:
        model = Hold
        fields = (
            "id", "buyer", "lot_id", "currency", "amount_minor", "state", "taken_at", "resolved_at",
        )  # fmt: skip


class JournalViewSet(VisibleRows[JournalEntry], viewsets.ReadOnlyModelViewSet):
    """Journal entries with their lines; each sums to zero per currency."""

    access_rule = READERS
    model = JournalEntry
    serializer_class = JournalEntrySerializer
    filterset_fields = ("lot_id", "kind")

    def get_queryset(self) -> Any:
        """Entries with their lines."""
        return super().get_queryset().prefetch_related("postings__account__organisation")


class HoldViewSet(VisibleRows[Hold], viewsets.ReadOnlyModelViewSet):
    """Deposits of buyers, held or resolved once."""

    access_rule = READERS
    model = Hold
    serializer_class = HoldSerializer
    filterset_fields = ("lot_id", "state")


ROUTES = [
    ("journal-entries", JournalViewSet, "journal-entry"),
    ("deposits", HoldViewSet, "deposit"),
]
