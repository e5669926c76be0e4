"""Histories of loans for machines: attach a file of events, follow it, take it back."""

from typing import Any, cast

from django.http import FileResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import VisibleRows, body_of
from npa_market.parties.access import access_for
from npa_market.parties.models import User
from npa_market.parties.roles import SELLER_ROLES, Role
from npa_market.tapes.api_findings import FindingSerializer
from npa_market.tapes.api_intake import LayoutSerializer
from npa_market.tapes.histories import open_history_rejects, remove_history
from npa_market.tapes.history_intake import upload_history
from npa_market.tapes.history_models import HistoryFile, HistoryKind
from npa_market.tapes.models import Tape
from npa_market.tapes.rejects import CONTENT_TYPES, rejects_answer

_LAYOUT = frozenset(map(str, LayoutSerializer().fields))
_ANALYST = access_for(Role.SELLER_ANALYST)


class HistorySerializer(serializers.ModelSerializer):
    """A file of one kind of history. `totals`: sum per money column, minor units."""

    totals = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    findings = FindingSerializer(many=True, read_only=True)

    class Meta:
        model = HistoryFile
        fields = (
            "id",
            "tape",
            "kind",
            "file_name",
            "file",
            "layout",
            "columns",
            "state",
            "failure",
            "job",
            "uploaded_at",
            "rows_read",
            "rows_imported",
            "rows_rejected",
            "loans",
            "totals",
            "findings",
        )
        read_only_fields = fields


class HistoryUploadSerializer(LayoutSerializer):
    """A file with one event per row, under the headers that the page of histories lists.

    Where the file has other headers, `columns` says which is which field; without it, the columns
    that were last named for a file of this kind hold, if this one has them.
    """

    tape = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=HistoryKind.choices)
    file = serializers.FileField(allow_empty_file=True)
    columns = serializers.JSONField(
        required=False,
        help_text='{"on": "Posted", "channel": ""}: field and header; empty = not in the file',
    )


class HistoryViewSet(
    VisibleRows, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet
):
    """Payments, contacts, legal steps, placements, complaints and documents of tapes' loans."""

    model = HistoryFile
    access_rule = access_for(*SELLER_ROLES)
    access_by_action = {
        "create": _ANALYST,
        "rejects": _ANALYST,
        "rejects_xlsx": _ANALYST,
        "remove": _ANALYST,
    }
    serializer_class = HistorySerializer
    parser_classes = (MultiPartParser,)
    filterset_fields = ("tape", "kind", "state")

    @extend_schema(
        request={"multipart/form-data": HistoryUploadSerializer},
        responses={202: HistorySerializer, 409: OpenApiResponse(description="Problem document")},
    )
    def create(self, request: Request) -> Response:
        """Attach a file to the loans of an imported tape; its import is queued, follow `state`.

        The same file of the same kind again is the same history.
        """
        values = body_of(request, HistoryUploadSerializer)
        user, sent = cast(User, request.user), values["file"]
        tape = get_object_or_404(Tape.objects.visible_to(user), pk=values["tape"])
        history = upload_history(
            user=user,
            tape_id=tape.pk,
            kind=values["kind"],
            chunks=sent.chunks(),
            file_name=sent.name,
            columns=values.get("columns"),
            layout={name: value for name, value in values.items() if name in _LAYOUT},
        )
        return Response(HistorySerializer(history).data, status=202)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True)
    def rejects(self, request: Request, pk: str) -> FileResponse:
        """Rejected rows as CSV in clear text, with the reasons; each reading is recorded."""
        return self._rejects(request, "csv")

    def _rejects(self, request: Request, form: str) -> FileResponse:
        history: Any = self.get_object()
        content = open_history_rejects(user=cast(User, request.user), history_id=history.pk)
        return rejects_answer(content, history.kind, form)

    @extend_schema(responses={(200, CONTENT_TYPES["xlsx"]): OpenApiTypes.BINARY})
    @action(detail=True, url_path="rejects-xlsx")
    def rejects_xlsx(self, request: Request, pk: str) -> FileResponse:
        """The same as XLSX."""
        return self._rejects(request, "xlsx")

    @extend_schema(
        request=None,
        responses={200: HistorySerializer, 409: OpenApiResponse(description="Problem document")},
    )
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        """Take the rows back, as if they had never been attached; the file is kept."""
        history: Any = self.get_object()
        removed = remove_history(user=cast(User, request.user), history_id=history.pk)
        return Response(HistorySerializer(removed).data)
