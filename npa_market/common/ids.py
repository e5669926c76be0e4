"""Readable references for people, beside the UUIDv7 keys of the tables."""

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.common.models import ReferenceCounter


@transaction.atomic
def next_reference(prefix: str) -> str:
    """The next readable reference of the year, `PKG-2026-0007`; gaps only after a roll-back."""
    year = database_now().year
    ReferenceCounter.objects.get_or_create(prefix=prefix, year=year)
    counter = ReferenceCounter.objects.select_for_update().get(prefix=prefix, year=year)
    counter.last += 1
    counter.save(update_fields=["last"])
    return f"{prefix}-{year}-{counter.last:04d}"
