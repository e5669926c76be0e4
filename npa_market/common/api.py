"""Manners of the API: rows start from `visible_to`, cursor pages newest first."""

import json
import re
from typing import Any, ClassVar, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from npa_market.common.texts import can_be_kept

_DIGITS = re.compile(r"-?[0-9]{1,20}")
Row = TypeVar("Row", bound=models.Model)


class NewestFirstPagination(CursorPagination):
    """Keyset pages: stable while rows arrive, as fast on page 1,000 as on page 1.

    Keys are UUIDv7 or serial, so the key is the order of creation.
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        """The page of the cursor. Raises NotFound for a cursor that no answer gave."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError, OverflowError) as error:
            raise NotFound(self.invalid_cursor_message) from error


class JsonParser(JSONParser):
    """JSON as the library reads it, of texts that an answer can quote and a database keep.

    Nested past all reason, or with half of a surrogate pair in a text, it is a bad request.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The document. Raises ParseError."""
        try:
            document = super().parse(stream, media_type, parser_context)
            texts = json.dumps(document, ensure_ascii=False)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        if not can_be_kept(texts):
            raise ParseError("A text of the JSON holds half of a surrogate pair (\\ud800-\\udfff).")
        return document


class MinorUnitsField(serializers.IntegerField):
    """A whole number of minor units: a JSON integer, or its digits as text.

    The library's own field reads `1900000.00` as 1900000, a hundredth of what was meant.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {
        "invalid": "A whole number of minor units, for example 125000000 for 1,250,000.00."
    }

    def to_internal_value(self, data: Any) -> int:
        """The number; anything but plain digits is refused."""
        is_whole = isinstance(data, int) and not isinstance(data, bool)
        if not is_whole and not (isinstance(data, str) and _DIGITS.fullmatch(data)):
            self.fail("invalid")
        return super().to_internal_value(data)


def body_of(request: Request, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """What the body of a request asks for, by the form's names. Raises ValidationError."""
    asked = form(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


UUID_TEXT = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class VisibleRows(Generic[Row]):
    """Mixin of viewsets: `model` names the table, the rows are those the caller may see."""

    model: ClassVar[type[models.Model]]
    lookup_value_regex: ClassVar[str] = UUID_TEXT  # Anything else is no address: 404.
    request: Any

    def get_queryset(self) -> models.QuerySet[Any]:
        """Rows visible to the caller; none while the schema is drawn."""
        rows: Any = self.model._default_manager
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        return rows.visible_to(self.request.user)
