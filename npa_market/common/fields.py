"""Columns that every app shares."""

import uuid
from typing import Any

from django.db import models
from uuid_utils import compat


def uuid7() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): sortable by creation time."""
    return compat.uuid7()


class UUID7Key(models.UUIDField):
    """Primary key, UUIDv7."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("primary_key", True)
        kwargs.setdefault("default", uuid7)
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)


class Sha256(models.CharField):
    """A SHA-256 in lower-case hex."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 64)
        super().__init__(**kwargs)


class Currency(models.CharField):
    """ISO 4217 code; one per package."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 3)
        super().__init__(**kwargs)
