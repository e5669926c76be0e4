"""The append-only log. Database triggers refuse UPDATE and DELETE on both engines."""

from typing import Self
from uuid import UUID

from django.db import models

from npa_market.common.fields import Sha256
from npa_market.evidence.discretion import withheld_from_others, withheld_now
from npa_market.parties.models import Membership, User


class EntryQuerySet(models.QuerySet["Entry"]):
    def about(self, *object_ids: UUID | str) -> Self:
        """Entries on any of these objects, in order."""
        return self.filter(object_id__in=[str(key) for key in object_ids]).order_by("seq")

    def visible_to(self, user: User) -> Self:
        """The venue sees the log; parties see entries on objects they may open (object pages).

        What must stay secret for now is on nobody's page (see `discretion`).
        """
        return self.exclude(withheld_from_others()) if user.works_for_venue else self.none()


class Entry(models.Model):
    """One record: canonical JSON (RFC 8785) and its leaf hash; the payload stands apart."""

    seq = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=60)
    time = models.DateTimeField(help_text="database clock, UTC")
    actor = models.CharField(
        max_length=80, help_text="pseudonymous: user:<key>, sealed:<commitment> or system"
    )
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
        indexes = [models.Index(fields=["payload_sha256"], name="entry_by_payload")]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"


class SealedActorQuerySet(models.QuerySet["SealedActor"]):
    def visible_to(self, user: User) -> Self:
        """Acts of one's own institution, once they may be read at all; nobody else's, no venue."""
        colleagues = Membership.objects.filter(organisation__in=user.organisation_ids())
        readable = Entry.objects.exclude(withheld_now())
        return self.filter(user__in=colleagues.values("user"), entry__in=readable)


class SealedActor(models.Model):
    """Who stands behind `sealed:<SHA-256(salt || user:<key>)>`, kept apart from the entry.

    The salt opens the commitment: whoever has it and the person's key can prove whose act it was.
    Erasing the row leaves the log whole and the act without a person.
    """

    entry = models.OneToOneField(
        Entry, primary_key=True, on_delete=models.PROTECT, related_name="sealed_actor"
    )
    salt = models.BinaryField(max_length=32)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    objects = SealedActorQuerySet.as_manager()

    class Meta:
        ordering = ["entry"]

    def __str__(self) -> str:
        return f"actor of {self.entry_id}"


class Payload(models.Model):
    """What the entry is about, and its salt: may be erased without touching the log."""

    entry = models.OneToOneField(Entry, primary_key=True, on_delete=models.PROTECT)
    salt = models.BinaryField(max_length=32)
    body = models.JSONField()

    def __str__(self) -> str:
        return f"payload of {self.entry_id}"
