"""Intake for machines: resumable uploads, proposals, saved mappings, the field dictionary."""

from typing import Any, cast

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import JsonParser, VisibleRows, body_of
from npa_market.common.errors import InvalidInput
from npa_market.parties.access import access_for
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import SELLER_ROLES, OrganisationKind, Role
from npa_market.tapes import uploads
from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.kept_files import open_upload
from npa_market.tapes.mapping import Setting
from npa_market.tapes.mapping_store import fitting_mapping, save_mapping
from npa_market.tapes.models import SellerMapping, Upload
from npa_market.tapes.proposals import proposals
from npa_market.tapes.reading import MAX_COLUMNS, Layout
from npa_market.tapes.sniffing import DELIMITERS, ENCODINGS
from npa_market.tapes.workbench import proposed_bench, sample_of

_ANALYST = access_for(Role.SELLER_ANALYST)


def own_seller(user: User, seller_id: Any) -> Organisation:
    """The seller that a caller works for; named where there are several."""
    own = Organisation.objects.visible_to(user).filter(
        kind=OrganisationKind.SELLER, pk__in=user.organisation_ids()
    )
    found: Organisation = get_object_or_404(own, pk=seller_id) if seller_id else own[0]
    return found


class ChunkParser(BaseParser):
    """The raw bytes of a chunk."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream.read(uploads.MAX_CHUNK_BYTES + 1)


class UploadSerializer(serializers.ModelSerializer):
    """A file on its way in; `received` is where to go on, `url` its page."""

    url = serializers.CharField(source="get_absolute_url", read_only=True)
    layout = serializers.DictField(read_only=True, help_text="as stated by `layout/`")

    class Meta:
        model = Upload
        fields = (
            "id",
            "seller",
            "file_name",
            "size",
            "received",
            "state",
            "file",
            "tape",
            "currency",
            "cut_off_date",
            "layout",
            "url",
            "started_at",
            "touched_at",
        )
        read_only_fields = fields


class UploadStartSerializer(serializers.Serializer):
    """A file that will follow in chunks."""

    file_name = serializers.CharField(max_length=255)
    size = serializers.IntegerField()
    currency = serializers.CharField(max_length=3)
    cut_off_date = serializers.DateField()
    seller = serializers.UUIDField(required=False)


class UploadFinishSerializer(serializers.Serializer):
    """SHA-256 of the whole file, hex."""

    sha256 = serializers.RegexField(r"^[0-9a-fA-F]{64}$")


class UploadImportSerializer(serializers.Serializer):
    """A mapping of the venue, or a saved version (`cards@3`)."""

    mapping = serializers.CharField(max_length=60)


class LayoutSerializer(serializers.Serializer):
    """How the file is to be read where it was sniffed wrongly; what is left out is sniffed."""

    encoding = serializers.ChoiceField(choices=ENCODINGS, required=False)
    delimiter = serializers.ChoiceField(choices=DELIMITERS, required=False)
    member = serializers.CharField(
        max_length=300, required=False, help_text="file of an archive or table of a document"
    )
    sheet = serializers.CharField(max_length=100, required=False)
    header_row = serializers.IntegerField(min_value=1, max_value=200, required=False)


class ProposalSerializer(serializers.Serializer):
    """What one column may mean; samples of identities are masked."""

    column = serializers.CharField()
    field = serializers.CharField(source="target")
    entry = serializers.DictField(allow_null=True)
    confidence = serializers.FloatField()
    reasons = serializers.ListField(child=serializers.CharField())
    samples = serializers.ListField(child=serializers.CharField())
    warning = serializers.CharField()


class SampleSerializer(serializers.Serializer):
    """How a file was read, what its columns may mean, and the mapping document of the sure ones."""

    kind = serializers.CharField()
    encoding = serializers.CharField()
    delimiter = serializers.CharField()
    member = serializers.CharField()
    members = serializers.ListField(child=serializers.CharField())
    sheet = serializers.CharField()
    sheets = serializers.ListField(child=serializers.CharField())
    header_row = serializers.IntegerField()
    fitting_mapping = serializers.CharField(help_text="a saved version, or empty")
    why_no_tape = serializers.CharField()
    proposals = ProposalSerializer(many=True)
    document = serializers.DictField()


class UploadViewSet(
    VisibleRows, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet
):
    """Resumable uploads: start, send chunks, finish, look, import."""

    model = Upload
    access_rule = _ANALYST
    serializer_class = UploadSerializer
    parser_classes = (JsonParser, ChunkParser)
    filterset_fields = ("state",)

    @extend_schema(request=UploadStartSerializer, responses={201: UploadSerializer})
    def create(self, request: Request) -> Response:
        """Announce a file; send its chunks to the address of the answer."""
        values = body_of(request, UploadStartSerializer)
        user = cast(User, request.user)
        seller = own_seller(user, values.pop("seller", None))
        upload = uploads.start_upload(user=user, seller=seller, **values)
        return Response(UploadSerializer(upload).data, status=201)

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                "Upload-Offset", int, OpenApiParameter.HEADER, description="where the chunk begins"
            )
        ],
        responses={200: UploadSerializer, 409: OpenApiResponse(description="Problem document")},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Send the chunk (at most 16 MB) that begins at Upload-Offset."""
        upload = self.get_object()
        offset, content = request.headers.get("Upload-Offset", ""), cast(Any, request.data)
        if not offset.isdecimal() or len(offset) > 15 or not isinstance(content, bytes):
            raise InvalidInput(
                "offset_missing",
                "Send bytes as application/octet-stream with the header Upload-Offset.",
            )
        upload = uploads.take_chunk(
            user=cast(User, request.user),
            upload_id=upload.pk,
            offset=int(offset),
            content=content,
        )
        return Response(UploadSerializer(upload).data)

    @extend_schema(request=UploadFinishSerializer, responses=UploadSerializer)
    @action(detail=True, methods=["post"])
    def finish(self, request: Request, pk: str) -> Response:
        """End the upload: the content must have the announced SHA-256."""
        upload = self.get_object()
        asked = body_of(request, UploadFinishSerializer)
        upload = uploads.finish_upload(user=cast(User, request.user), upload_id=upload.pk, **asked)
        return Response(UploadSerializer(upload).data)

    @extend_schema(request=LayoutSerializer, responses=UploadSerializer)
    @action(detail=True, methods=["post"])
    def layout(self, request: Request, pk: str) -> Response:
        """Overrule how the file is read: its sheet, member, encoding, delimiter, header row."""
        upload = self.get_object()
        asked = body_of(request, LayoutSerializer)
        upload = uploads.state_layout(
            user=cast(User, request.user), upload_id=upload.pk, layout=asked
        )
        return Response(UploadSerializer(upload).data)

    @extend_schema(request=UploadImportSerializer, responses={202: UploadSerializer})
    @action(detail=True, methods=["post"], url_path="import")
    def start_import(self, request: Request, pk: str) -> Response:
        """Make a tape of the complete file; `tape` of the answer names it."""
        upload = self.get_object()
        asked = body_of(request, UploadImportSerializer)
        uploads.import_upload(user=cast(User, request.user), upload_id=upload.pk, **asked)
        upload.refresh_from_db()
        return Response(UploadSerializer(upload).data, status=202)

    @extend_schema(responses=SampleSerializer, filters=False)
    @action(detail=True, filterset_fields=None)
    def sample(self, request: Request, pk: str) -> Response:
        """How the file is read and what its columns may mean."""
        upload = self.get_object()
        setting = Setting(upload.currency, upload.cut_off_date)
        with open_upload(upload) as handle:
            sample = sample_of(handle, Layout(**upload.layout))
        fitting = fitting_mapping(upload.seller, sample.header)
        read = {
            name: getattr(sample.source, name)
            for name in ("kind", "encoding", "delimiter", "member", "members", "sheet", "sheets")
        }
        found = {
            **read,
            "header_row": sample.header_row,
            "fitting_mapping": fitting.reference if fitting else "",
            "why_no_tape": sample.why_no_tape,
            "proposals": proposals(sample.header, sample.rows, setting),
            "document": proposed_bench(sample, setting).document(setting.currency),
        }
        return Response(SampleSerializer(found).data)


class SavedMappingSerializer(serializers.ModelSerializer):
    """One version of a mapping; `reference` is what an upload names."""

    reference = serializers.CharField(read_only=True)
    document = serializers.DictField()
    header = serializers.ListField(
        child=serializers.CharField(allow_blank=True, max_length=1_000), max_length=MAX_COLUMNS
    )
    seller = serializers.UUIDField(source="seller_id", required=False)

    class Meta:
        model = SellerMapping
        fields = (
            "id",
            "seller",
            "reference",
            "title",
            "version",
            "document",
            "header",
            "created_at",
        )
        read_only_fields = ("id", "reference", "version", "created_at")


class SavedMappingViewSet(
    VisibleRows, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet
):
    """Mappings that the caller's own institution saved, newest first."""

    model = SellerMapping
    access_rule = access_for(*SELLER_ROLES)
    access_by_action = {"create": _ANALYST}
    serializer_class = SavedMappingSerializer
    filterset_fields = ("name",)

    @extend_schema(request=SavedMappingSerializer, responses={201: SavedMappingSerializer})
    def create(self, request: Request) -> Response:
        """Save a mapping as a new version of its title; unchanged, it is the last version."""
        values = body_of(request, SavedMappingSerializer)
        user = cast(User, request.user)
        seller = own_seller(user, values.pop("seller_id", None))
        saved = save_mapping(user=user, seller=seller, **values)
        return Response(SavedMappingSerializer(saved).data, status=201)


class FieldSerializer(serializers.Serializer):
    """One field of the dictionary."""

    name = serializers.CharField()
    title = serializers.CharField()
    title_zh = serializers.CharField()
    kind = serializers.CharField()
    unit = serializers.CharField()
    eba = serializers.CharField()
    needed_for = serializers.CharField()
    data_class = serializers.CharField()
    is_personal = serializers.BooleanField()
    is_required = serializers.BooleanField()
    codes = serializers.ListField(child=serializers.CharField())
    if_missing = serializers.CharField()


class FieldViewSet(viewsets.ViewSet):
    """The field dictionary."""

    access_rule = access_for(*SELLER_ROLES)
    serializer_class = FieldSerializer

    @extend_schema(responses=FieldSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Every field that a mapping may fill."""
        return Response(FieldSerializer(FIELDS.values(), many=True).data)


ROUTES = [
    ("uploads", UploadViewSet, "upload"),
    ("saved-mappings", SavedMappingViewSet, "saved-mapping"),
    ("fields", FieldViewSet, "field"),
]
