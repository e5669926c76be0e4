"""Valuations for machines: runs, scenarios, calibrations; the same services as the pages."""

from dataclasses import asdict
from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import VisibleRows, body_of
from npa_market.common.errors import InvalidInput, Refused
from npa_market.parties.access import access_for
from npa_market.parties.models import User
from npa_market.parties.permissions import may, require
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES
from npa_market.valuation import door
from npa_market.valuation.comparison import comparison_rows
from npa_market.valuation.fits import fit_to_file, fit_to_package
from npa_market.valuation.models import Fit, Scenario, Valuation, ValuationState
from npa_market.valuation.path import steps_between
from npa_market.valuation.queries import calibrations, fitted_calibration, priced_of
from npa_market.valuation.scenarios import (
    delete_scenario,
    duplicate_scenario,
    reprice_run,
    restore_scenario,
    save_scenario,
)
from npa_market.valuation.serializers import (
    CalibrationSerializer,
    ComparedSerializer,
    FitRequestSerializer,
    FitSerializer,
    HistorySerializer,
    RepricedSerializer,
    RepriceSerializer,
    ScenarioChangeSerializer,
    ScenarioRequestSerializer,
    ScenarioSerializer,
    ValuationRequestSerializer,
    ValuationSerializer,
    is_key,
    repriced_document,
    without_own,
)
from npa_market.valuation.services import cancel_valuation, request_valuation


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
        return super().get_queryset().select_related("package", "fit")

    @extend_schema(
        request=ValuationRequestSerializer,
        responses={
            200: OpenApiResponse(ValuationSerializer, description="the stored, finished run"),
            202: OpenApiResponse(ValuationSerializer, description="the run is under way"),
        },
    )
    def create(self, request: Request) -> Response:
        """Ask for a run: 202 while it is computed, 200 where the same inputs ran before."""
        asked = body_of(request, ValuationRequestSerializer)
        valuation = request_valuation(
            user=cast(User, request.user),
            organisation=cast(Any, request).organisation,
            package_id=asked["package"],
            calibration_name=asked["calibration_name"],
            terms=asked["terms"],
        )
        status = 200 if valuation.state == ValuationState.DONE else 202
        return Response(self.get_serializer(valuation).data, status=status)

    @extend_schema(request=None, responses={200: ValuationSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str | None = None) -> Response:
        """Stop a run under way; asked for again it goes on with the parts that stand."""
        valuation = self.get_object()
        cancelled = cancel_valuation(user=cast(User, request.user), valuation_id=valuation.pk)
        return Response(self.get_serializer(cancelled).data)

    @extend_schema(request=RepriceSerializer, responses={200: RepricedSerializer})
    @action(detail=True, methods=["post"])
    def reprice(self, request: Request, pk: str | None = None) -> Response:
        """The run's package under changed terms, by engine A; nothing is stored."""
        asked = body_of(request, RepriceSerializer)
        valuation = self.get_object()
        user = cast(User, request.user)
        require(user, "valuation.manage_run", valuation)
        terms = {**valuation.terms, **asked["terms"]}
        repriced = reprice_run(user=user, valuation=valuation, terms=terms)
        sees_reserve = may(user, "valuation.see_reserve", valuation)
        return Response(repriced_document(valuation, repriced, sees_reserve=sees_reserve))

    @extend_schema(
        parameters=[OpenApiParameter("second", OpenApiTypes.UUID, required=True)],
        responses={200: ComparedSerializer},
    )
    @action(detail=True, methods=["get"])
    def comparison(self, request: Request, pk: str | None = None) -> Response:
        """This run beside a second finished one: rows, and the bridge between their prices.

        `bridge` is null where the tape of a run may no longer be read; `no_bridge` says why.
        """
        first = self.get_object()
        key = request.query_params.get("second", "")
        second = self.get_queryset().filter(pk=key).first() if is_key(key) else None
        if second is None:
            raise InvalidInput("valuation_unknown", "There is no such run.", field="second")
        results = priced_of(first).result, priced_of(second).result
        rows = [asdict(row) for row in comparison_rows((first, second), results)]
        document: dict[str, Any] = {"rows": rows, "bridge": None, "no_bridge": ""}
        try:
            steps = steps_between(user=cast(User, request.user), runs=(first, second))
        except Refused as refusal:
            document["no_bridge"] = refusal.message
        else:
            document["bridge"] = [{"step": name, "amount_minor": minor} for name, minor in steps]
        return Response(document)

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
                **without_own(priced.result.summary(), sees_reserve=sees_reserve),
            }
        )


class ScenarioViewSet(
    VisibleRows,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """Saved scenarios on runs of the caller's own institution; deleted ones can be restored."""

    model = Scenario
    access_rule = access_for(*SELLER_ROLES, *BUYER_ROLES)
    serializer_class = ScenarioSerializer
    filterset_fields = ("valuation",)

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("valuation__package")
        return rows if self.action in {"restore", "retrieve"} else rows.filter(deleted_at=None)

    @extend_schema(request=ScenarioRequestSerializer, responses={201: ScenarioSerializer})
    def create(self, request: Request) -> Response:
        """Save terms under a name beside a finished run."""
        asked = body_of(request, ScenarioRequestSerializer)
        given = asked
        runs = Valuation.objects.visible_to(cast(User, request.user))
        valuation = runs.filter(pk=given["valuation"]).first()
        if valuation is None:
            raise InvalidInput("valuation_unknown", "There is no such run.", field="valuation")
        saved = save_scenario(
            user=cast(User, request.user),
            valuation_id=valuation.pk,
            name=given["name"],
            terms={**valuation.terms, **given["terms"]},
        )
        return Response(self.get_serializer(saved).data, status=201)

    @extend_schema(request=ScenarioChangeSerializer, responses={200: ScenarioSerializer})
    def update(self, request: Request, pk: str | None = None) -> Response:
        """Give a scenario another name, other terms, or both."""
        scenario = self.get_object()
        asked = body_of(request, ScenarioChangeSerializer)
        saved = save_scenario(
            user=cast(User, request.user),
            valuation_id=scenario.valuation_id,
            name=asked["name"],
            terms={**scenario.terms, **asked["terms"]},
            scenario_id=scenario.pk,
        )
        return Response(self.get_serializer(saved).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str | None = None) -> Response:
        """Delete a scenario; `restore` brings it back."""
        delete_scenario(user=cast(User, request.user), scenario_id=self.get_object().pk)
        return Response(status=204)

    @extend_schema(request=None, responses={201: ScenarioSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str | None = None) -> Response:
        """A copy under the next free name."""
        scenario = self.get_object()
        copy = duplicate_scenario(user=cast(User, request.user), scenario_id=scenario.pk)
        return Response(self.get_serializer(copy).data, status=201)

    @extend_schema(request=None, responses={200: ScenarioSerializer})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str | None = None) -> Response:
        """Undo a deletion."""
        scenario = self.get_object()
        back = restore_scenario(user=cast(User, request.user), scenario_id=scenario.pk)
        return Response(self.get_serializer(back).data)


class FitViewSet(
    VisibleRows,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """Calibrations fitted to the institution's own histories; seen by it alone."""

    model = Fit
    access_rule = access_for(*SELLER_ROLES, *BUYER_ROLES)
    serializer_class = FitSerializer
    filterset_fields = ("state",)

    @extend_schema(request=FitRequestSerializer, responses={202: FitSerializer})
    def create(self, request: Request) -> Response:
        """Calibrate to the receipts of one of the institution's own sealed packages."""
        asked = body_of(request, FitRequestSerializer)
        fit = fit_to_package(
            user=cast(User, request.user),
            organisation=cast(Any, request).organisation,
            title=asked["title"],
            package_id=asked["package"],
        )
        return Response(self.get_serializer(fit).data, status=202)

    @extend_schema(request=HistorySerializer, responses={202: FitSerializer})
    @action(detail=False, methods=["post"], parser_classes=[MultiPartParser])
    def upload(self, request: Request) -> Response:
        """Calibrate to an uploaded history (multipart: title, currency, basis, file)."""
        asked = body_of(request, HistorySerializer)
        given = asked
        fit = fit_to_file(
            user=cast(User, request.user),
            organisation=cast(Any, request).organisation,
            title=given["title"],
            chunks=given["file"].chunks(),
            file_name=given["file"].name,
            currency=given["currency"],
            basis=given["basis"],
        )
        return Response(self.get_serializer(fit).data, status=202)

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get"])
    def calibration(self, request: Request, pk: str | None = None) -> Response:
        """The calibration with its diagnostics, as the library reads it. 409 while it is fitted."""
        return Response(fitted_calibration(self.get_object()).as_document())


class CalibrationViewSet(viewsets.ViewSet):
    """Calibrations that a run may name."""

    access_rule = access_for(*SELLER_ROLES, *BUYER_ROLES)
    serializer_class = CalibrationSerializer

    @extend_schema(responses={200: CalibrationSerializer(many=True)})
    def list(self, request: Request) -> Response:
        """All calibrations with their sources; "reference, not fitted" stands in the title."""
        return Response(CalibrationSerializer(calibrations(), many=True).data)


ROUTES = [
    ("valuations", ValuationViewSet, "valuation"),
    ("scenarios", ScenarioViewSet, "scenario"),
    ("fits", FitViewSet, "fit"),
    ("calibrations", CalibrationViewSet, "calibration"),
]
