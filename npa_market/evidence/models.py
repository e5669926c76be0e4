"""The append-only log. Database triggers refuse UPDATE and DELETE on both engines."""

from typing import Self
from uuid import UUID

from django.db import models

from npa_market.common.fields import Sha256
from npa_market.evidence.discretion import withheld_now
from npa_market.parties.models import User


class EntryQuerySet(models.QuerySet["Entry"]):
    def about(self, *object_ids: UUID | str) -> Self:
        """Entries on any of these objects, in order."""
        return self.filter(object_id__in=[str(key) for key in object_ids]).order_by("seq")

    def visible_to(self, user: User) -> Self:
        """The venue sees the log; parties see entries on objects they may open (object pages).

        What must stay secret for now is on nobody's page (see `discretion`).
        """
        return self.exclude(withheld_now()) if user.works_for_venue else self.none()


class Entry(models.Model):
    """One record: canonical JSON (RFC 8785) and its leaf hash; the payload stands apart."""

    seq = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=60)
    time = models.DateTimeField(help_text="database clock, UTC")
    actor = models.CharField(max_length=60, help_text="pseudonymous: user:<key> or system")
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=40, db_index=True)
    prev_state = models.CharField(max_length=30, blank=True)
    payload_sha256 = Sha256(help_text="SHA-256 over salt and payload")
    canonical = models.TextField(help_text="the entry as canonical JSON (RFC 8785)")
    leaf_sha256 = Sha256(help_text="RFC 9162 leaf hash of the canonical JSON")

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ["seq"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


class Payload(models.Model):
    """What the entry is about, and its salt: may be erased without touching the log."""

    entry = models.OneToOneField(Entry, primary_key=True, on_delete=models.PROTECT)
    salt = models.BinaryField(max_length=32)
    body = models.JSONField()

    def __str__(self) -> str:
        return f"payload of {self.entry_id}"
