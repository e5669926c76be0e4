"""The rows of a tape's findings, and its rejected rows, for machines."""

from typing import Any, cast

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.parties.models import User
from npa_market.tapes.found_queries import rows_found
from npa_market.tapes.found_rows import Wanted
from npa_market.tapes.rejects import CONTENT_TYPES, rejects_answer
from npa_market.tapes.revealing import open_rejects

_RULE = OpenApiParameter("rule", str, description="id of a rule, as in the tape's findings")
_COLUMN = OpenApiParameter("column", str, description="column of the file, as in the findings")


class FindingSerializer(serializers.Serializer):
    """One rule on one column; values of personal columns are masked."""

    id = serializers.CharField()
    severity = serializers.ChoiceField(choices=["reject", "note"])
    words = serializers.CharField()
    column = serializers.CharField()
    count = serializers.IntegerField()
    examples = serializers.ListField(child=serializers.DictField())


class FoundQuery(serializers.Serializer):
    """Which rows; `after`: `next_after` of the page before."""

    rule = serializers.CharField(required=False, default="")
    column = serializers.CharField(required=False, default="")
    severity = serializers.ChoiceField(["reject", "note"], required=False, default="")
    after = serializers.IntegerField(required=False, default=-1, min_value=-1)


class FoundRowSerializer(serializers.Serializer):
    """A row that breaks a rule; the value is masked where the column is personal."""

    row_number = serializers.IntegerField()
    rule = serializers.CharField()
    severity = serializers.ChoiceField(choices=["reject", "note"])
    column = serializers.CharField()
    words = serializers.CharField()
    loan_number = serializers.CharField()
    value = serializers.CharField()
    loan = serializers.UUIDField(allow_null=True)


class FoundPageSerializer(serializers.Serializer):
    """Some rows in the order of the tape; `next_after` is null on the last page."""

    count = serializers.IntegerField()
    next_after = serializers.IntegerField(allow_null=True)
    rows = FoundRowSerializer(many=True)


class FindingActions:
    """Acts of the tapes' endpoint that show rows which broke rules."""

    @extend_schema(
        parameters=[FoundQuery],
        responses={200: FoundPageSerializer, 409: OpenApiResponse(description="Problem document")},
        filters=False,
    )
    @action(detail=True, filterset_fields=None, pagination_class=None)
    def findings(self, request: Request, pk: str) -> Response:
        """Every row that breaks a rule, by page, personal values masked."""
        asked = FoundQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        after = values.pop("after")
        tape = cast(Any, self).get_object()
        page = rows_found(tape, cast(User, request.user), Wanted(**values), after)
        return Response(FoundPageSerializer(page).data)

    @extend_schema(parameters=[_RULE, _COLUMN], responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True)
    def rejects(self, request: Request, pk: str) -> FileResponse:
        """Rejected rows as CSV in clear text, all or of one rule; each reading is recorded."""
        return self._rejects(request, "csv")

    def _rejects(self, request: Request, form: str) -> FileResponse:
        tape = cast(Any, self).get_object()
        content = open_rejects(
            user=cast(User, request.user),
            tape_id=tape.pk,
            rule=request.query_params.get("rule", ""),
            column=request.query_params.get("column", ""),
        )
        return rejects_answer(content, tape.reference, form)

    @extend_schema(
        parameters=[_RULE, _COLUMN],
        responses={(200, CONTENT_TYPES["xlsx"]): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path="rejects-xlsx")
    def rejects_xlsx(self, request: Request, pk: str) -> FileResponse:
        """The same as XLSX, on as many sheets as the rows need."""
        return self._rejects(request, "xlsx")
