"""What the API says and reads about lots; explicit fields, and the reserve only on the way in."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from npa_market.auctions.core import LotTerms
from npa_market.auctions.models import BidOutcome, EventKind, Lot, LotFormat, Registration
from npa_market.auctions.queries import ShownEvent
from npa_market.auctions.terms import MAX_SOFT_CLOSE_SECONDS, Format
from npa_market.common.api import MinorUnitsField

MONEY = "Minor units of the lot's currency."


class LotSerializer(serializers.ModelSerializer[Lot]):
    """A lot as everybody who may see it sees it; times are UTC, money is minor units."""

    package_reference = serializers.CharField(source="package.reference", read_only=True)
    package_sha256 = serializers.CharField(source="package.content_sha256", read_only=True)
    loans = serializers.IntegerField(source="package.loans", read_only=True)
    borrowers = serializers.IntegerField(source="package.borrowers", read_only=True)
    principal_minor = serializers.IntegerField(source="package.principal_minor", read_only=True)
    claim_minor = serializers.IntegerField(source="package.claim_minor", read_only=True)
    reannounces = serializers.UUIDField(
        source="follows.pk", read_only=True, allow_null=True, default=None,
        help_text="The lot offered again by this one.",
    )  # fmt: skip
    bids = serializers.IntegerField(
        source="shown_bids", read_only=True, allow_null=True,
        help_text="Null on sealed and falling lots, where bids are secret.",
    )  # fmt: skip
    floor_minor = serializers.SerializerMethodField(
        help_text="Lowest amount that would be accepted now; null where the price falls or is "
        "talked about, as it is in the lot's events."
    )

    class Meta:
        model = Lot
        fields = (
            "id", "reference", "package", "package_reference", "package_sha256", "title", "format",
            "currency", "time_zone", "loans", "borrowers", "principal_minor", "claim_minor",
            "start_price_minor", "step_minor", "deposit_minor", "fee_per_100k", "tax_per_100k",
            "window_seconds", "extension_seconds", "higher_steps", "max_extensions",
            "allows_proxy", "allows_withdrawal", "tick_seconds", "lowest_price_minor",
            "round_seconds", "best_bid_seconds", "announced_at", "registration_ends_at",
            "opens_at", "first_end_at", "ends_at", "hard_end_at", "last_end_at", "state",
            "last_seq", "leading_minor", "floor_minor", "bids", "hammer_minor", "reannounces",
            "released_at", "by_invitation", "sale_event", "event_place", "whole_start_minor",
        )  # fmt: skip
        read_only_fields = fields

    def get_floor_minor(self, lot: Lot) -> int | None:
        """What the row of a lot tells by itself."""
        return lot.floor_minor if lot.format in {LotFormat.ASCENDING, LotFormat.SEALED} else None


def invitees_field() -> serializers.ListField:
    """Who alone may buy, as an announcement names them."""
    return serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_null=True,
        default=None,
        max_length=200,
        help_text="Institutions that alone may buy; none named = all qualified ones.",
    )


class AnnouncementSerializer(serializers.Serializer[Any]):
    """Terms of a new lot; times with an offset."""

    package = serializers.UUIDField()
    title = serializers.CharField(max_length=200)
    start_price_minor = MinorUnitsField(help_text=MONEY)
    step_minor = MinorUnitsField(help_text=MONEY)
    deposit_minor = MinorUnitsField(help_text=MONEY)
    reserve_minor = MinorUnitsField(
        required=False, allow_null=True, default=None, help_text="Never given out again."
    )
    registration_ends_at = serializers.DateTimeField()
    opens_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    hard_end_at = serializers.DateTimeField()
    window_seconds = serializers.IntegerField(
        default=300, min_value=0, max_value=MAX_SOFT_CLOSE_SECONDS
    )
    extension_seconds = serializers.IntegerField(
        default=300, min_value=0, max_value=MAX_SOFT_CLOSE_SECONDS
    )
    time_zone = serializers.CharField(max_length=40, default="Asia/Shanghai")
    format = serializers.ChoiceField(choices=LotFormat.choices, default=LotFormat.ASCENDING)
    higher_steps = serializers.ListField(
        child=serializers.ListField(child=MinorUnitsField(), min_length=2, max_length=2),
        max_length=20,
        default=list,
        help_text="(from price, step) pairs, rising.",
    )
    max_extensions = serializers.IntegerField(required=False, allow_null=True, default=None)
    allows_proxy = serializers.BooleanField(default=False, help_text="Every bid is a maximum.")
    allows_withdrawal = serializers.BooleanField(default=False, help_text="Of sealed envelopes.")
    tick_seconds = serializers.IntegerField(default=60)
    lowest_price_minor = MinorUnitsField(required=False, allow_null=True, default=None)
    round_seconds = serializers.IntegerField(default=600)
    best_bid_seconds = serializers.IntegerField(default=300)
    invited = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Negotiated: the one buyer."
    )
    reannounces = serializers.UUIDField(
        required=False,
        allow_null=True,
        default=None,
        help_text="The lot offered again: unsold, cancelled, or of a cancelled deal.",
    )
    invitees = invitees_field()

    def terms(self) -> LotTerms:
        """The terms of a valid announcement."""
        values = dict(self.validated_data)
        for name in ("package", "title", "reannounces", "invitees"):
            del values[name]
        values["format"] = Format(values["format"])
        values["higher_steps"] = tuple(tuple(row) for row in values["higher_steps"])
        values["invited"] = str(values["invited"] or "")
        return LotTerms(**values)


class EventSerializer(serializers.Serializer[ShownEvent]):
    """One line of the protocol: labels in place of names."""

    seq = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=EventKind.choices)
    bidder = serializers.CharField(source="label", help_text="Label on this lot, or empty.")
    amount_minor = serializers.IntegerField(allow_null=True)
    decided_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="The new end it led to.")
    reason = serializers.CharField()
    party = serializers.CharField(help_text="Side of an offer, or empty.")
    refers_to = serializers.IntegerField(
        allow_null=True, help_text="Offer or receipt that the event speaks of."
    )


class BidSerializer(serializers.Serializer[Any]):
    """A bid; `request_id` is made by the client and kept until the answer is known."""

    request_id = serializers.UUIDField()
    amount_minor = MinorUnitsField(help_text=MONEY, min_value=-(2**62), max_value=2**62)
    confirm_amount_minor = MinorUnitsField(
        required=False,
        allow_null=True,
        default=None,
        min_value=-(2**62),
        max_value=2**62,
        help_text="The amount once more; without it one far above the last price or your own "
        "valuation is 409 `confirm_outlier`, and nothing is done.",
    )
    currency = serializers.CharField(
        required=False, max_length=3, default="", help_text="Where given, it must be the lot's."
    )
    buyer = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Where you act for several."
    )


class BuyerSerializer(serializers.Serializer[Any]):
    buyer = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Where you act for several."
    )


class OutcomeSerializer(serializers.ModelSerializer[BidOutcome]):
    """What a request was answered, for ever: accepted as number `seq`, or refused."""

    result = serializers.SerializerMethodField()
    seq = serializers.IntegerField(source="event.seq", default=None, read_only=True)
    # Not the receipt's number: it would tell how many others handed in (S7).
    envelope_sha256 = serializers.CharField(
        source="receipt.sha256", default="", read_only=True, help_text="Of a sealed envelope."
    )

    class Meta:
        model = BidOutcome
        fields = (
            "result", "request_id", "lot", "amount_minor", "seq", "envelope_sha256", "refusal",
            "message", "decided_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=["accepted", "refused"]))
    def get_result(self, outcome: BidOutcome) -> str:
        return "refused" if outcome.refusal else "accepted"

    def to_representation(self, outcome: BidOutcome) -> dict[str, Any]:
        """What the fields say, without building them for each bid; a test holds the two equal."""
        return {
            "result": self.get_result(outcome),
            "request_id": str(outcome.request_id),
            "lot": outcome.lot_id,
            "amount_minor": outcome.amount_minor,
            "seq": outcome.event.seq if outcome.event else None,
            "envelope_sha256": outcome.receipt.sha256 if outcome.receipt else "",
            "refusal": outcome.refusal,
            "message": outcome.message,
            "decided_at": outcome.decided_at.isoformat().replace("+00:00", "Z"),
        }


class LookUpSerializer(serializers.Serializer[Any]):
    """`unknown` means that the venue never decided this request: it may be sent (again)."""

    result = serializers.ChoiceField(choices=["accepted", "refused", "unknown"])
    outcome = OutcomeSerializer(allow_null=True)


class RegistrationSerializer(serializers.ModelSerializer[Registration]):
    """An application; the label is the applicant's own to know."""

    bidder = serializers.SerializerMethodField()

    class Meta:
        model = Registration
        fields = ("id", "lot", "buyer", "bidder", "state", "reason", "applied_at", "decided_at")
        read_only_fields = fields

    @extend_schema_field(serializers.CharField())
    def get_bidder(self, registration: Registration) -> str:
        """Empty for everybody but the applicant, the venue included (A20)."""
        user = self.context["request"].user
        return registration.label if registration.buyer_id in user.organisation_ids() else ""


class LotReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300)


class BankLineSerializer(serializers.Serializer[Any]):
    bank_reference = serializers.CharField(max_length=80)
