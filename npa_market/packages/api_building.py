"""Building packages by machine: saved criteria, picking for a target, splitting a pool, exports."""

from typing import Any, cast

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import VisibleRows, body_of
from npa_market.common.errors import NotPermitted, Refused
from npa_market.common.files import open_stored
from npa_market.packages import services
from npa_market.packages.exports import SELLERS_ALONE, ask_for_export, forms_for
from npa_market.packages.models import Package, PackageExport, SavedCriteria
from npa_market.packages.picking import (
    Order,
    Source,
    draft_pick,
    draft_split,
    try_order,
    try_split,
)
from npa_market.packages.serializers import (
    ExportAskSerializer,
    NamedPickSerializer,
    NamedSplitSerializer,
    PackageExportSerializer,
    PackageSerializer,
    PickOutcomeSerializer,
    PickSerializer,
    SavedCriteriaSerializer,
    SplitOutcomeSerializer,
    SplitSerializer,
)
from npa_market.parties.access import MEMBERS, access_for
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import SELLER_ROLES, Role

ANALYSTS = access_for(Role.SELLER_ANALYST)


def user_of(request: Request) -> User:
    """The person who calls."""
    return cast(User, request.user)


def organisation_of(request: Request) -> Organisation:
    """Whom the person acts for."""
    return cast(Organisation, cast(Any, request).organisation)


class SavedCriteriaViewSet(
    VisibleRows,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """Criteria that the seller keeps under a name."""

    model = SavedCriteria
    access_rule = access_for(*SELLER_ROLES)
    access_by_action = {"create": ANALYSTS, "destroy": ANALYSTS}
    serializer_class = SavedCriteriaSerializer

    @extend_schema(request=SavedCriteriaSerializer, responses={201: SavedCriteriaSerializer})
    def create(self, request: Request) -> Response:
        """Keep criteria under a name; the same name again replaces them."""
        asked = body_of(request, SavedCriteriaSerializer)
        kept = services.save_criteria(
            user=user_of(request), seller=organisation_of(request), **asked
        )
        return Response(SavedCriteriaSerializer(kept).data, status=201)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete saved criteria; packages keep their own copy."""
        services.forget_criteria(user=user_of(request), criteria_id=self.get_object().pk)
        return Response(status=204)


def _source(asked: dict[str, Any]) -> Source:
    names = ("currency", "cut_off_date", "criteria", "price_share", "yearly_decline")
    return Source(**{name: asked[name] for name in names})


def _order(asked: dict[str, Any]) -> Order:
    limits = [(each["dimension"], each["in_class"], each["share"]) for each in asked["limits"]]
    names = ("measure", "amount", "maximise", "keeps_borrowers_whole")
    return Order(**{name: asked[name] for name in names}, limits=tuple(limits))


def _who(request: Request) -> dict[str, Any]:
    return {"user": user_of(request), "seller": organisation_of(request)}


def _kept(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in ("title", "transfer_basis")}


class PickViewSet(viewsets.ViewSet):
    """Loans picked for a target under limits."""

    access_rule = ANALYSTS

    @extend_schema(request=NamedPickSerializer, responses={201: PackageSerializer})
    def create(self, request: Request) -> Response:
        """Pick, and keep the loans as a draft."""
        asked = body_of(request, NamedPickSerializer)
        package = draft_pick(
            **_who(request), source=_source(asked), order=_order(asked), **_kept(asked)
        )
        return Response(PackageSerializer(package, context={"request": request}).data, status=201)

    @extend_schema(request=PickSerializer, responses=PickOutcomeSerializer)
    @action(detail=False, methods=["post"], url_path="try", url_name="try")
    def attempt(self, request: Request) -> Response:
        """What would be picked; nothing is kept."""
        asked = body_of(request, PickSerializer)
        order = _order(asked)
        found = try_order(**_who(request), source=_source(asked), order=order)
        return Response({"outcome": found.outcome, "conflict": found.shortfall})


class SplitViewSet(viewsets.ViewSet):
    """A pool split into comparable packages."""

    access_rule = ANALYSTS

    @extend_schema(request=NamedSplitSerializer, responses={201: PackageSerializer(many=True)})
    def create(self, request: Request) -> Response:
        """Split, and keep every part as a draft, all or none."""
        asked = body_of(request, NamedSplitSerializer)
        drafts = draft_split(
            **_who(request), source=_source(asked), parts=asked["parts"], **_kept(asked)
        )
        shown = PackageSerializer(drafts, many=True, context={"request": request})
        return Response(shown.data, status=201)

    @extend_schema(request=SplitSerializer, responses=SplitOutcomeSerializer)
    @action(detail=False, methods=["post"], url_path="try", url_name="try")
    def attempt(self, request: Request) -> Response:
        """How the pool would fall apart; nothing is kept."""
        asked = body_of(request, SplitSerializer)
        found = try_split(**_who(request), source=_source(asked), parts=asked["parts"])
        return Response({"outcome": found.outcome, "rows": found.rows})


class PackageExportViewSet(
    VisibleRows,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """Exports of sealed packages, made by a worker and kept."""

    model = PackageExport
    access_rule = MEMBERS
    serializer_class = PackageExportSerializer

    @extend_schema(request=ExportAskSerializer, responses={202: PackageExportSerializer})
    def create(self, request: Request) -> Response:
        """Have an export made; asked again, the one there is."""
        asked = body_of(request, ExportAskSerializer)
        package = get_object_or_404(
            Package.objects.visible_to(user_of(request)), pk=asked["package"]
        )
        export = ask_for_export(
            user=user_of(request),
            package_id=package.pk,
            form=asked["form"],
            as_bidders_see=asked["as_bidders_see"],
        )
        return Response(PackageExportSerializer(export).data, status=202)

    @extend_schema(request=None, responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], pagination_class=None)
    def file(self, request: Request, pk: str) -> HttpResponseBase:
        """The file of a finished export."""
        export = self.get_object()
        if export.form not in forms_for(user_of(request), export.package):
            raise NotPermitted(SELLERS_ALONE)
        if not export.file_id:
            raise Refused("export_not_made", "The export is not made yet: its job tells.")
        return FileResponse(
            open_stored(export.file_id),
            as_attachment=True,
            filename=export.file_name,
            content_type="application/octet-stream",
        )


ROUTES: list[tuple[str, Any, str]] = [
    ("saved-criteria", SavedCriteriaViewSet, "saved-criteria"),
    ("package-picks", PickViewSet, "package-pick"),
    ("package-splits", SplitViewSet, "package-split"),
    ("package-exports", PackageExportViewSet, "package-export"),
]
