"""A deal as the API tells it; never a reserve, never a borrower."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from npa_market.common.api import MinorUnitsField
from npa_market.common.clock import database_now
from npa_market.transfers.availability import Availability, Fault
from npa_market.transfers.models import Deal, Delivery, LoanPrice
from npa_market.transfers.queries import standing_of
from npa_market.transfers.services import DepositFate
from npa_market.transfers.terms import PUTBACK_REASONS


class DealSerializer(serializers.ModelSerializer[Deal]):
    """Money in minor units; `balance_due_minor` is what is still to be paid."""

    adjusted_minor = serializers.IntegerField(source="price.adjusted_minor", read_only=True)
    receipts_cost_minor = serializers.IntegerField(
        source="price.receipts_cost_minor", read_only=True
    )
    balance_minor = serializers.IntegerField(source="price.balance_minor", read_only=True)
    fee_minor = serializers.IntegerField(source="price.fee_minor", read_only=True)
    tax_minor = serializers.IntegerField(source="price.tax_minor", read_only=True)
    contract_sha256 = serializers.CharField(source="contract_file_id", read_only=True)

    class Meta:
        model = Deal
        fields = (
            "id", "reference", "lot", "seller", "buyer", "currency", "state", "hammer_minor",
            "excluded_minor", "adjusted_minor", "receipts_minor", "receipts_cost_minor",
            "deposit_minor", "balance_minor", "fee_minor", "tax_minor", "allocation_basis",
            "contract_sha256", "terms", "awarded_at", "contracted_at", "paid_at", "delivered_at",
            "closed_at", "cancelled_at", "cancel_reason",
        )  # fmt: skip
        read_only_fields = fields


class LoanPriceSerializer(serializers.ModelSerializer[LoanPrice]):
    class Meta:
        model = LoanPrice
        fields = ("token", "price_minor", "exclusion")


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """The hash of the content is the buyer's receipt, so it is not told."""

    file_sha256 = serializers.CharField(source="sha256", read_only=True)
    until = serializers.SerializerMethodField(help_text="The file may be taken before this.")
    downloads_left = serializers.SerializerMethodField()
    fault = serializers.SerializerMethodField(
        help_text="Why the buyer cannot take or open the file; empty where it stands well."
    )

    class Meta:
        model = Delivery
        fields = (
            "number", "file_sha256", "released_at", "receipted_at", "downloads", "until",
            "downloads_left", "fault",
        )  # fmt: skip

    def to_representation(self, instance: Delivery) -> dict[str, Any]:
        """Looks once how the file stands; the fields below tell of it."""
        self._standing: Availability | None = None
        if instance.file_id:
            self._standing = standing_of(instance.deal, instance, database_now())
        told: dict[str, Any] = super().to_representation(instance)
        return told

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_until(self, delivery: Delivery) -> datetime | None:
        return self._standing.until if self._standing else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_downloads_left(self, delivery: Delivery) -> int | None:
        return self._standing.downloads_left if self._standing else None

    @extend_schema_field(serializers.ChoiceField(choices=["", *(each.value for each in Fault)]))
    def get_fault(self, delivery: Delivery) -> str:
        return str(self._standing.fault or "") if self._standing else ""


class ErasureSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300)


class ErasedSerializer(serializers.Serializer[Any]):
    files = serializers.IntegerField()
    loans = serializers.IntegerField()


class TakingSerializer(serializers.Serializer[Any]):
    file_sha256 = serializers.CharField(
        max_length=64,
        required=False,
        default="",
        help_text="Of the file that you mean; refused where a newer delivery replaces it.",
    )


class SigningSerializer(serializers.Serializer[Any]):
    document_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class PaymentSerializer(serializers.Serializer[Any]):
    amount_minor = MinorUnitsField(max_value=2**62)
    bank_reference = serializers.CharField(max_length=120)


class ReceiptSerializer(serializers.Serializer[Any]):
    sha256 = serializers.CharField(max_length=80)


class ExclusionSerializer(serializers.Serializer[Any]):
    tokens = serializers.ListField(
        child=serializers.CharField(max_length=32), min_length=1, max_length=100_000
    )
    reason = serializers.ChoiceField(choices=[(code, words) for code, words, _ in PUTBACK_REASONS])


class CancellationSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500)
    deposit = serializers.ChoiceField(choices=[(fate.value, fate.value) for fate in DepositFate])
