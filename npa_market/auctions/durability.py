"""May this database keep a promise? Acknowledged bids survive a crash only under these settings."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from npa_market.common.errors import Refused

NEEDED_ON = ("fsync", "full_page_writes", "synchronous_commit")
ADVICE = "Set it to on in postgresql.conf, for the role and for the database, and reload."


def unsafe_settings() -> list[str]:
    """Names of PostgreSQL settings that are off; none elsewhere. One statement."""
    if connection.vendor != "postgresql" or settings.ALLOW_UNSAFE_DATABASE:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = 'off' ORDER BY name",
            [list(NEEDED_ON)],
        )
        return [name for (name,) in cursor.fetchall()]


class UnsafeDatabase(Refused):
    """Bids could be lost in a crash, so no lot opens; an answer of the venue, not of the bidder."""

    status = 503

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            "unsafe_database",
            "The venue's database is not set up to keep every bid; the lot does not open. "
            f"Off: {', '.join(names)}.",
        )


def refuse_unsafe_database() -> None:
    """Raise UnsafeDatabase where an acknowledged bid could be lost in a crash."""
    names = unsafe_settings()
    if names:
        raise UnsafeDatabase(names)


@register(Tags.database)
def check_durability(
    app_configs: Any = None, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """Run by `check --database default` and by `serve` and `sweep` at their start."""
    if not databases:
        return []
    try:
        names = unsafe_settings()
    except DatabaseError:
        return []  # Another check says that the database is away.
    return [
        Error(
            f"PostgreSQL runs with {name} = off: an acknowledged bid could be lost in a crash.",
            hint=ADVICE,
            id="auctions.E001",
        )
        for name in names
    ]
