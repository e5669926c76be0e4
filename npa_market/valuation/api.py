"""Valuations for machines: runs, their results, and the calibrations they may name."""

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import VisibleRows
from npa_market.parties.access import access_for
from npa_market.parties.models import User
from npa_market.parties.permissions import may
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES
from npa_market.valuation import door
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.queries import calibrations, priced_of
from npa_market.valuation.services import request_valuation

SELLERS_OWN = ("seller_rate", "seller_reserve")


class ValuationSerializer(serializers.ModelSerializer):
    """One run; money in minor units of `currency`, null until it is done."""

    package_reference = serializers.CharField(source="package.reference", read_only=True)
    package_sha256 = serializers.CharField(source="package.content_sha256", read_only=True)
    terms = serializers.SerializerMethodField()
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
        return _without_own(valuation.terms, sees_reserve=self._sees_reserve(valuation))


class ValuationRequestSerializer(serializers.Serializer):
    """What to value, and on which terms; `terms` takes the fields of the model's terms."""

    package = serializers.UUIDField()
    calibration_name = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="empty: reference of the currency"
    )
    terms = serializers.DictField(
        required=False,
        default=dict,
        help_text="buyer_irr (0.20 = 20 %), horizon_months, paths, seed, channel, costs, and of "
        "the seller seller_rate; what is left out takes its default",
    )


class CalibrationSerializer(serializers.Serializer):
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


class ValuationViewSet(
    VisibleRows,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """Runs of the caller's own institution."""

    model = Valuation
    access_rule = access_for(*SELLER_ROLES, *BUYER_ROLES)
    serializer_class = ValuationSerializer
    filterset_fields = ("package", "state")

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("package")

    @extend_schema(
        request=ValuationRequestSerializer,
        responses={
            200: OpenApiResponse(ValuationSerializer, description="the stored, finished run"),
            202: OpenApiResponse(ValuationSerializer, description="the run is under way"),
        },
    )
    def create(self, request: Request) -> Response:
        """Ask for a run: 202 while it is computed, 200 where the same inputs ran before."""
        asked = ValuationRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        valuation = request_valuation(
            user=cast(User, request.user),
            organisation=cast(Any, request).organisation,
            package_id=asked.validated_data["package"],
            calibration_name=asked.validated_data["calibration_name"],
            terms=asked.validated_data["terms"],
        )
        status = 200 if valuation.state == ValuationState.DONE else 202
        return Response(self.get_serializer(valuation).data, status=status)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get"])
    def result(self, request: Request, pk: str | None = None) -> Response:
        """Every figure of a finished run but the allocation, money in major units (model amounts).

        The seller's own value and rate are left out unless the caller may see the reserve. 409
        while the run is not finished.
        """
        valuation = self.get_object()
        priced = priced_of(valuation)
        sees_reserve = may(cast(User, request.user), "valuation.see_reserve", valuation)
        return Response(
            {
                "schema": door.SCHEMA,
                "result_sha256": valuation.result_file_id,
                "stand_ins": [
                    {"field": s.field, "loans": s.loans, "assumption": s.assumption}
                    for s in priced.stand_ins
                ],
                **_without_own(priced.result.summary(), sees_reserve=sees_reserve),
            }
        )


class CalibrationViewSet(viewsets.ViewSet):
    """Calibrations that a run may name."""

    access_rule = access_for(*SELLER_ROLES, *BUYER_ROLES)
    serializer_class = CalibrationSerializer

    @extend_schema(responses={200: CalibrationSerializer(many=True)})
    def list(self, request: Request) -> Response:
        """All calibrations with their sources; "reference, not fitted" stands in the title."""
        return Response(CalibrationSerializer(calibrations(), many=True).data)


def _without_own(document: dict[str, Any], *, sees_reserve: bool) -> dict[str, Any]:
    """The document, without the seller's own rate and value for those who may not see them."""
    if sees_reserve:
        return document
    return {name: value for name, value in document.items() if name not in SELLERS_OWN}


ROUTES = [
    ("valuations", ValuationViewSet, "valuation"),
    ("calibrations", CalibrationViewSet, "calibration"),
]
