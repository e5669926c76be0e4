"""Reports and data rooms for machines."""

from typing import Any, cast

from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import VisibleRows, body_of
from npa_market.common.errors import InvalidInput
from npa_market.common.files import read_stored
from npa_market.common.models import Job
from npa_market.diligence import services
from npa_market.diligence.copies import copy_of
from npa_market.diligence.models import (
    DOWNLOADS,
    AccessRecord,
    Admission,
    DataRoom,
    Report,
)
from npa_market.diligence.views import handed_over
from npa_market.packages.models import Package
from npa_market.parties.access import MEMBERS, access_for
from npa_market.parties.models import User
from npa_market.parties.roles import BUYER_ROLES, SELLER_ROLES, VENUE_ROLES

PACKAGE_FIGURES = (
    "currency",
    "loans",
    "borrowers",
    "principal_minor",
    "interest_minor",
    "claim_minor",
)


class RoomSerializer(serializers.ModelSerializer[DataRoom]):
    """A data room with the announced totals of its package, minor units of `currency`."""

    package_reference = serializers.CharField(source="package.reference", read_only=True)
    package_version = serializers.IntegerField(source="package.version", read_only=True)
    title = serializers.CharField(source="package.title", read_only=True)
    seller = serializers.CharField(source="package.seller.name", read_only=True)
    cut_off_date = serializers.DateField(source="package.cut_off_date", read_only=True)
    content_sha256 = serializers.CharField(source="package.content_sha256", read_only=True)
    nda_sha256 = serializers.CharField(source="nda_id", read_only=True)
    currency = serializers.CharField(source="package.currency", read_only=True)
    loans = serializers.IntegerField(source="package.loans", read_only=True)
    borrowers = serializers.IntegerField(source="package.borrowers", read_only=True)
    principal_minor = serializers.IntegerField(source="package.principal_minor", read_only=True)
    interest_minor = serializers.IntegerField(source="package.interest_minor", read_only=True)
    claim_minor = serializers.IntegerField(source="package.claim_minor", read_only=True)

    class Meta:
        model = DataRoom
        fields = (
            "id",
            "package",
            "package_reference",
            "package_version",
            "title",
            "seller",
            "cut_off_date",
            *PACKAGE_FIGURES,
            "content_sha256",
            "nda_sha256",
            "opened_at",
            "closed_at",
        )
        read_only_fields = fields


class OpenRoomSerializer(serializers.Serializer[Any]):
    package = serializers.UUIDField(help_text="a sealed package of one's own")


class NdaSerializer(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    text = serializers.CharField()


class SignatureSerializer(serializers.Serializer[Any]):
    signed_name = serializers.CharField(max_length=120)
    nda_sha256 = serializers.CharField(
        max_length=64, help_text="hash of the text that was read; another text is not signed"
    )


class TakeSerializer(serializers.Serializer[Any]):
    document = serializers.ChoiceField(choices=[(each.value, each.label) for each in DOWNLOADS])
    report = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="which report; default the latest"
    )


class AdmissionSerializer(serializers.ModelSerializer[Admission]):
    """A buyer's admission to a room."""

    class Meta:
        model = Admission
        fields = (
            "id",
            "room",
            "buyer",
            "nda_sha256",
            "signed_name",
            "signed_at",
            "revoked_at",
            "revoke_reason",
        )
        read_only_fields = fields


class RevocationSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300, help_text="shown to the buyer")


class AccessRecordSerializer(serializers.ModelSerializer[AccessRecord]):
    """One download; `id` is the mark in the copy."""

    institution = serializers.CharField(source="organisation.name", read_only=True)
    person = serializers.CharField(source="user.email", read_only=True)

    class Meta:
        model = AccessRecord
        fields = ("id", "room", "institution", "person", "document", "source_sha256", "at")
        read_only_fields = fields


class ReportSerializer(serializers.ModelSerializer[Report]):
    """A due-diligence report; its file is taken from the data room."""

    package_reference = serializers.CharField(source="package.reference", read_only=True)
    report_sha256 = serializers.CharField(source="file_id", read_only=True)
    is_reference_calibration = serializers.BooleanField(
        source="valuation.is_reference_calibration", read_only=True
    )

    class Meta:
        model = Report
        fields = (
            "id",
            "package",
            "package_reference",
            "pages",
            "report_sha256",
            "is_reference_calibration",
            "created_at",
        )
        read_only_fields = fields


class ReportRequestSerializer(serializers.Serializer[Any]):
    package = serializers.UUIDField()
    valuation = serializers.UUIDField(help_text="a finished valuation of one's own")


class JobSerializer(serializers.ModelSerializer[Job]):
    """Work under way."""

    class Meta:
        model = Job
        fields = ("id", "kind", "title", "state", "done", "total", "message")
        read_only_fields = fields


class RoomViewSet(
    VisibleRows[DataRoom],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[DataRoom],
):
    """Data rooms that the caller may enter."""

    model = DataRoom
    access_rule = MEMBERS
    access_by_action = {
        "create": access_for(*SELLER_ROLES),
        "close": access_for(*SELLER_ROLES),
        "sign": access_for(*BUYER_ROLES),
        "access_log": access_for(*SELLER_ROLES, *VENUE_ROLES),
    }
    serializer_class = RoomSerializer
    filterset_fields = ("package",)

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("package__seller")

    def _enterable(self, request: Request) -> DataRoom:
        """A room of the caller, or one that its institution may join."""
        visible = self.get_queryset().filter(pk=self.kwargs["pk"]).first()
        joinable = DataRoom.objects.joinable_by(cast(User, request.user))
        return visible or get_object_or_404(joinable, pk=self.kwargs["pk"])

    @extend_schema(request=OpenRoomSerializer, responses={201: RoomSerializer})
    def create(self, request: Request) -> Response:
        """Open the data room of a sealed package; opened before, it is the same room."""
        asked = body_of(request, OpenRoomSerializer)
        user = cast(User, request.user)
        package = get_object_or_404(Package.objects.visible_to(user), pk=asked["package"])
        room = services.open_room(user=user, package_id=package.pk)
        return Response(self.get_serializer(room).data, status=201)

    @extend_schema(responses={200: RoomSerializer(many=True)})
    @action(detail=False, methods=["get"])
    def joinable(self, request: Request) -> Response:
        """Rooms that the caller's qualified institution may enter by signing, newest first."""
        rooms = DataRoom.objects.joinable_by(cast(User, request.user))
        page = self.paginate_queryset(rooms.select_related("package__seller"))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(responses={200: NdaSerializer})
    @action(detail=True, methods=["get"])
    def nda(self, request: Request, pk: str | None = None) -> Response:
        """The agreement as it is signed."""
        room = self._enterable(request)
        text = read_stored(room.nda_id).decode()
        return Response(NdaSerializer({"sha256": room.nda_id, "text": text}).data)

    @extend_schema(request=SignatureSerializer, responses={201: AdmissionSerializer})
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: str | None = None) -> Response:
        """Sign the agreement for the institution the caller acts for; binding at once."""
        room = self._enterable(request)
        asked = body_of(request, SignatureSerializer)
        if asked["nda_sha256"] != room.nda_id:
            raise InvalidInput(
                "nda_differs", "That is not the hash of this room's text.", field="nda_sha256"
            )
        admission = services.sign_nda(
            user=cast(User, request.user),
            room_id=room.pk,
            buyer=cast(Any, request).organisation,
            signed_name=asked["signed_name"],
        )
        return Response(AdmissionSerializer(admission).data, status=201)

    @extend_schema(
        request=TakeSerializer,
        responses={
            (200, "application/octet-stream"): OpenApiResponse(
                OpenApiTypes.BINARY, description="the marked copy"
            )
        },
    )
    @action(detail=True, methods=["post"])
    def documents(self, request: Request, pk: str | None = None) -> StreamingHttpResponse:
        """Take a document: a line of the access log is written, then the marked copy is sent."""
        room = self.get_object()
        asked = body_of(request, TakeSerializer)
        line = services.record_access(
            user=cast(User, request.user),
            room_id=room.pk,
            document=asked["document"],
            report_id=asked["report"],
        )
        return handed_over(copy_of(line))

    @extend_schema(responses={200: AccessRecordSerializer(many=True)})
    @action(detail=True, methods=["get"], url_path="access-log")
    def access_log(self, request: Request, pk: str | None = None) -> Response:
        """Who took what, newest first; for the seller and the venue."""
        room = self.get_object()
        lines: Any = AccessRecord.objects.visible_to(cast(User, request.user)).filter(room=room)
        page: Any = self.paginate_queryset(lines.select_related("organisation", "user"))
        return self.get_paginated_response(AccessRecordSerializer(page, many=True).data)

    @extend_schema(request=None, responses={200: RoomSerializer})
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str | None = None) -> Response:
        """End downloads and admissions of a room for good."""
        room = services.close_room(user=cast(User, request.user), room_id=self.get_object().pk)
        return Response(self.get_serializer(room).data)


class AdmissionViewSet(
    VisibleRows[Admission],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Admission],
):
    """Admissions: of a buyer its own, of a seller those to its rooms."""

    model = Admission
    access_rule = MEMBERS
    serializer_class = AdmissionSerializer
    filterset_fields = ("room", "buyer")

    @extend_schema(request=RevocationSerializer, responses={200: AdmissionSerializer})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str | None = None) -> Response:
        """End an admission at once; the buyer cannot sign again."""
        admission = self.get_object()
        asked = body_of(request, RevocationSerializer)
        admission = services.revoke_admission(
            user=cast(User, request.user),
            admission_id=admission.pk,
            reason=asked["reason"],
        )
        return Response(self.get_serializer(admission).data)


class ReportViewSet(
    VisibleRows[Report],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Report],
):
    """Reports on packages that the caller may study."""

    model = Report
    access_rule = MEMBERS
    access_by_action = {"create": access_for(*SELLER_ROLES)}
    serializer_class = ReportSerializer
    filterset_fields = ("package",)

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("package", "valuation")

    @extend_schema(
        request=ReportRequestSerializer,
        responses={
            200: OpenApiResponse(ReportSerializer, description="the report that stands"),
            202: OpenApiResponse(JobSerializer, description="the report is being made"),
        },
    )
    def create(self, request: Request) -> Response:
        """Make the report of a package and a valuation: 202 with the job, 200 where it stands."""
        asked = body_of(request, ReportRequestSerializer)
        user = cast(User, request.user)
        package = get_object_or_404(Package.objects.visible_to(user), pk=asked["package"])
        valuation_id = asked["valuation"]
        standing = self.get_queryset().filter(package=package, valuation=valuation_id).first()
        if standing is not None:
            return Response(self.get_serializer(standing).data)
        job = services.request_report(user=user, package_id=package.pk, valuation_id=valuation_id)
        return Response(JobSerializer(job).data, status=202)


ROUTES = [
    ("data-rooms", RoomViewSet, "data-room"),
    ("admissions", AdmissionViewSet, "admission"),
    ("reports", ReportViewSet, "report"),
]
