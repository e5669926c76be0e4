"""Packages for machines: draft, screen, seal, read tables and proofs."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import VisibleRows, body_of
from npa_market.packages import api_building, services
from npa_market.packages.api_building import organisation_of, user_of
from npa_market.packages.filters import PackageFilter
from npa_market.packages.models import Package
from npa_market.packages.page import shown_tables
from npa_market.packages.sealed import loan_proof
from npa_market.packages.serializers import (
    LoanProofSerializer,
    PackageDraftSerializer,
    PackageReasonSerializer,
    PackageSealSerializer,
    PackageSerializer,
    StratificationSerializer,
)
from npa_market.parties.access import MEMBERS, access_for
from npa_market.parties.permissions import require
from npa_market.parties.roles import Role


class PackageViewSet(
    VisibleRows,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """Packages: the seller's own; sealed ones also for admitted buyers and the venue."""

    model = Package
    access_rule = MEMBERS
    access_by_action = {
        "create": access_for(Role.SELLER_ANALYST),
        "screen": access_for(Role.SELLER_ANALYST),
        "seal": access_for(Role.SELLER_APPROVER),
        "return_to_maker": access_for(Role.SELLER_APPROVER),
        "withdraw": access_for(Role.SELLER_ANALYST, Role.SELLER_APPROVER),
        "version": access_for(Role.SELLER_ANALYST),
    }
    serializer_class = PackageSerializer
    filterset_class = PackageFilter

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("seller")

    @extend_schema(request=PackageDraftSerializer, responses={201: PackageSerializer})
    def create(self, request: Request) -> Response:
        """Draft a package by criteria; the same draft again is the first one."""
        asked = body_of(request, PackageDraftSerializer)
        package = services.draft_package(
            user=user_of(request), seller=organisation_of(request), **asked
        )
        return self._answer(package, status=201)

    @extend_schema(request=None, responses=PackageSerializer)
    @action(detail=True, methods=["post"])
    def screen(self, request: Request, pk: str) -> Response:
        """Run the pre-sale screen; may be repeated until the package is sealed."""
        package = services.screen_package(user=user_of(request), package_id=self.get_object().pk)
        return self._answer(package)

    @extend_schema(request=PackageSealSerializer, responses={202: PackageSerializer})
    @action(detail=True, methods=["post"])
    def seal(self, request: Request, pk: str) -> Response:
        """Have a worker seal what was seen of the screened package; `job` names its progress."""
        package = self.get_object()
        asked = body_of(request, PackageSealSerializer)
        services.start_sealing(user=user_of(request), package_id=package.pk, **asked)
        package.refresh_from_db()
        return self._answer(package, status=202)

    @extend_schema(request=PackageReasonSerializer, responses=PackageSerializer)
    @action(detail=True, methods=["post"], url_path="return")
    def return_to_maker(self, request: Request, pk: str) -> Response:
        """Send a screened package back to its maker."""
        return self._with_reason(services.return_package, request)

    @extend_schema(request=PackageReasonSerializer, responses=PackageSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Withdraw the package; its loans become free."""
        return self._with_reason(services.withdraw_package, request)

    @extend_schema(request=None, responses={201: PackageSerializer})
    @action(detail=True, methods=["post"])
    def version(self, request: Request, pk: str) -> Response:
        """Begin the draft that will replace a sealed package; the one begun already is given."""
        draft = services.new_version(user=user_of(request), package_id=self.get_object().pk)
        return self._answer(draft, status=201)

    @extend_schema(responses=StratificationSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def stratifications(self, request: Request, pk: str) -> Response:
        """Every stratification of a screened or sealed package; none before the screen.

        For all but the seller, cells of fewer than five borrowers are merged.
        """
        tables = shown_tables(self.get_object(), user_of(request))
        return Response(StratificationSerializer(list(tables.values()), many=True).data)

    @extend_schema(
        responses=LoanProofSerializer,
        parameters=[OpenApiParameter("token", str, required=True, description="loan_token")],
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def proof(self, request: Request, pk: str) -> Response:
        """Proof that the loan with this token is in the sealed package.

        Of a package sealed before leaves had salts, for seller and venue alone: who holds the
        bidder tape could guess from the leaf what the tape leaves out.
        """
        package = self.get_object()
        require(user_of(request), "packages.prove_loan", package)
        proof = loan_proof(package, request.query_params.get("token", ""))
        return Response(LoanProofSerializer(proof).data)

    def _with_reason(self, service: Any, request: Request) -> Response:
        package = self.get_object()
        asked = body_of(request, PackageReasonSerializer)
        package = service(user=user_of(request), package_id=package.pk, **asked)
        return self._answer(package)

    def _answer(self, package: Package, status: int = 200) -> Response:
        return Response(self.get_serializer(package).data, status=status)


ROUTES = [("packages", PackageViewSet, "package"), *api_building.ROUTES]
