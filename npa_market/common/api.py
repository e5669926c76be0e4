"""Manners of the API: cursor pages, newest first; keys are UUIDv7, so the key is the order."""

from rest_framework.pagination import CursorPagination


class NewestFirstPagination(CursorPagination):
    """Keyset pages: stable while rows arrive, as fast on page 1,000 as on page 1."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"
