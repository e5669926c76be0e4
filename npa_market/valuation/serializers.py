"""What the API of valuations takes and gives; money in minor units, model amounts where it says so.

The seller's own rate and value are left out for those who may not see the reserve.
"""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from npa_market.parties.permissions import may
from npa_market.valuation.door import to_minor
from npa_market.valuation.models import Fit, Scenario, Valuation
from npa_market.valuation.scenarios import Repriced

SELLERS_OWN = ("seller_rate", "seller_reserve")
TERMS_WORDS = (
    "buyer_irr (0.20 = 20 %), horizon_months, level (1 = as calibrated), paths, seed, channel, "
    "costs, and of the seller seller_rate; what is left out takes its default"
)


def without_own(document: dict[str, Any], *, sees_reserve: bool) -> dict[str, Any]:
    """The document, without the seller's own rate and value for those who may not see them."""
    if sees_reserve:
        return document
    return {name: value for name, value in document.items() if name not in SELLERS_OWN}


def is_key(text: str) -> bool:
    """Is this the key of a row?"""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class ValuationSerializer(serializers.ModelSerializer[Any]):
    """One run; money in minor units of `currency`, null until it is done."""

    package_reference = serializers.CharField(source="package.reference", read_only=True)
    package_sha256 = serializers.CharField(source="package.content_sha256", read_only=True)
    terms = serializers.SerializerMethodField()
    fit_sha256 = serializers.CharField(
        read_only=True,
        help_text="the fitted calibration's file; `calibration_sha256` is that one started at the "
        "package's cut-off date where it knows a calendar; empty for a reference",
    )
    reserve_minor = serializers.SerializerMethodField(
        help_text="the seller's valuers and approvers see it, everybody else gets null"
    )

    class Meta:
        model = Valuation
        fields = (
            "id",
            "package",
            "package_reference",
            "package_sha256",
            "state",
            "failure",
            "job",
            "created_at",
            "finished_at",
            "tape",
            "fit",
            "fit_sha256",
            "calibration_name",
            "calibration_sha256",
            "is_reference_calibration",
            "terms",
            "basis",
            "engine_version",
            "inputs_sha256",
            "currency",
            "price_minor",
            "mean_minor",
            "sd_minor",
            "q05_minor",
            "q25_minor",
            "q50_minor",
            "q75_minor",
            "q95_minor",
            "reserve_minor",
            "result_file",
            "allocation_file",
        )
        read_only_fields = fields

    def _sees_reserve(self, valuation: Valuation) -> bool:
        return may(self.context["request"].user, "valuation.see_reserve", valuation)

    def get_reserve_minor(self, valuation: Valuation) -> int | None:
        return valuation.reserve_minor if self._sees_reserve(valuation) else None

    def get_terms(self, valuation: Valuation) -> dict[str, Any]:
        return without_own(valuation.terms, sees_reserve=self._sees_reserve(valuation))


class ValuationRequestSerializer(serializers.Serializer[Any]):
    """What to value, and on which terms; `terms` takes the fields of the model's terms."""

    package = serializers.UUIDField()
    calibration_name = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text="a reference by name, a fit by its id; empty: the reference of the currency",
    )
    terms = serializers.DictField(
        required=False,
        default=dict,
        help_text=TERMS_WORDS,
    )


class CalibrationSerializer(serializers.Serializer[Any]):
    """A calibration; `is_fitted` false means reference, not fitted."""

    name = serializers.CharField()
    title = serializers.CharField(source="label", help_text="name, and whether it is a reference")
    market = serializers.CharField()
    currency = serializers.CharField()
    basis = serializers.CharField()
    is_fitted = serializers.BooleanField()
    content_hash = serializers.CharField()
    channels = serializers.SerializerMethodField()
    sources = serializers.ListField(child=serializers.CharField())

    def get_channels(self, calibration: Any) -> list[str]:
        return [channel.name for channel in calibration.channels]


class RepriceSerializer(serializers.Serializer[Any]):
    """Terms that differ from the run's."""

    terms = serializers.DictField(required=False, default=dict, help_text=TERMS_WORDS)


class RepricedSerializer(serializers.Serializer[Any]):
    """Live figures in minor units; `price_minor` is that of a full run under the same terms."""

    currency = serializers.CharField()
    calibration = serializers.CharField(help_text="says whether it is a reference")
    price_minor = serializers.IntegerField()
    sd_minor = serializers.IntegerField()
    std_error_minor = serializers.IntegerField()
    quantiles_minor = serializers.DictField(child=serializers.IntegerField())
    net_minor = serializers.IntegerField(help_text="expected net receipts, undiscounted")
    loss_probability = serializers.FloatField()
    reserve_minor = serializers.IntegerField(allow_null=True)
    paths = serializers.IntegerField()
    notes = serializers.ListField(child=serializers.CharField())


class ComparedRowSerializer(serializers.Serializer[Any]):
    """One row of a comparison, as the page shows it."""

    name = serializers.CharField()
    first = serializers.CharField()
    second = serializers.CharField()
    difference = serializers.CharField(allow_blank=True)


class BridgeStepSerializer(serializers.Serializer[Any]):
    """What changing one input does to the price."""

    step = serializers.CharField()
    amount_minor = serializers.IntegerField()


class ComparedSerializer(serializers.Serializer[Any]):
    """Two runs side by side; the steps add up to the difference of the prices."""

    rows = ComparedRowSerializer(many=True)
    bridge = BridgeStepSerializer(many=True, allow_null=True)
    no_bridge = serializers.CharField(allow_blank=True)


class ScenarioSerializer(serializers.ModelSerializer[Any]):
    """A saved scenario with its figures as repriced when it was saved."""

    calibration_name = serializers.CharField(source="valuation.calibration_name", read_only=True)
    is_reference_calibration = serializers.BooleanField(
        source="valuation.is_reference_calibration", read_only=True
    )
    terms = serializers.SerializerMethodField()

    class Meta:
        model = Scenario
        fields = (
            "id",
            "valuation",
            "calibration_name",
            "is_reference_calibration",
            "name",
            "terms",
            "price_minor",
            "q05_minor",
            "q95_minor",
            "created_at",
            "changed_at",
            "deleted_at",
        )
        read_only_fields = fields

    def get_terms(self, scenario: Scenario) -> dict[str, Any]:
        user = self.context["request"].user
        sees = may(user, "valuation.see_reserve", scenario.valuation)
        return without_own(scenario.terms, sees_reserve=sees)


class ScenarioChangeSerializer(serializers.Serializer[Any]):
    """A name, and terms that differ from those that stand."""

    name = serializers.CharField(max_length=60)
    terms = serializers.DictField(required=False, default=dict, help_text=TERMS_WORDS)


class ScenarioRequestSerializer(ScenarioChangeSerializer):
    """On which run, under which name, with which terms."""

    valuation = serializers.UUIDField()


class FitSerializer(serializers.ModelSerializer[Any]):
    """A calibration of one's own; a run names it by `id`."""

    class Meta:
        model = Fit
        fields = (
            "id",
            "title",
            "state",
            "failure",
            "source",
            "file_name",
            "package",
            "currency",
            "basis",
            "content_hash",
            "job",
            "created_at",
            "finished_at",
            "triangle",
            "left_out",
        )
        read_only_fields = fields


class FitRequestSerializer(serializers.Serializer[Any]):
    """A name, and the package whose receipts are the history."""

    title = serializers.CharField(max_length=80)
    package = serializers.UUIDField()


class HistorySerializer(serializers.Serializer[Any]):
    """A history to fit to: CSV, CSV.GZ or Parquet."""

    title = serializers.CharField(max_length=80)
    currency = serializers.CharField(max_length=3)
    basis = serializers.CharField(max_length=10, default="claim")
    file = serializers.FileField()


def repriced_document(
    valuation: Valuation, repriced: Repriced, *, sees_reserve: bool
) -> dict[str, Any]:
    """Fields of RepricedSerializer."""
    live, currency = repriced.figures, valuation.currency
    return {
        "currency": currency,
        "calibration": live.calibration,
        "price_minor": to_minor(live.price, currency),
        "sd_minor": to_minor(live.sd, currency),
        "std_error_minor": to_minor(live.std_error, currency),
        "quantiles_minor": {
            f"{level:g}": to_minor(amount, currency) for level, amount in live.quantiles.items()
        },
        "net_minor": to_minor(live.cumulative_mean[-1], currency),
        "loss_probability": live.loss_probability,
        "reserve_minor": to_minor(live.seller_reserve, currency)
        if sees_reserve and valuation.is_sellers_own
        else None,
        "paths": live.paths,
        "notes": list(live.notes),
    }
