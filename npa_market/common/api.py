"""Manners of the API: rows start from `visible_to`, cursor pages newest first."""

from typing import Any, ClassVar, Generic, TypeVar

from django.db import models
from rest_framework.pagination import CursorPagination

Row = TypeVar("Row", bound=models.Model)


class NewestFirstPagination(CursorPagination):
    """Keyset pages: stable while rows arrive, as fast on page 1,000 as on page 1.

    Keys are UUIDv7 or serial, so the key is the order of creation.
    """

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"


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
