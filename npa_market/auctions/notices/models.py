"""Notices: what the public reads of a package before and when it is offered."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from npa_market.auctions.models import Lot, LotFormat
from npa_market.common.fields import Sha256, UUID7Key
from npa_market.packages.models import Package
from npa_market.parties.models import User


class NoticeKind(models.TextChoices):
    PREMARKETING = "premarketing", "Pre-marketing notice"
    ANNOUNCEMENT = "announcement", "Transfer announcement"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, user: object) -> Self:
        """Everybody's: a notice holds what is public, and nothing else (see `facts`).

        Only the announcement of a negotiated lot is for those who may see the lot: nobody else
        learns of it.
        """
        public = Q(lot=None) | ~Q(lot__format=LotFormat.NEGOTIATED)
        if not isinstance(user, User):
            return self.filter(public)
        return self.filter(public | Q(lot__in=Lot.objects.visible_to(user)))

    def in_force(self) -> Self:
        """Not withdrawn."""
        return self.filter(withdrawn_at=None)


class Notice(models.Model):
    """A published notice; its document never changes, a withdrawal is added to it."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=12, choices=NoticeKind)
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="notices")
    lot = models.OneToOneField(
        "auctions.Lot", null=True, on_delete=models.PROTECT, related_name="announcement"
    )
    follows = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="followers",
        help_text="the pre-marketing notice that this announcement is compared with",
    )  # fmt: skip
    bidding_day = models.DateField(help_text="planned, or of the lot, in the lot's zone")
    document = models.JSONField(help_text="what is published; see notices.document")
    document_sha256 = Sha256()
    published_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    withdrawal_reason = models.CharField(max_length=300, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="premarketing", lot=None, follows=None)
                | Q(kind="announcement", lot__isnull=False, withdrawn_at=None),
                name="notice_kind_fits_lot",
            ),
            models.UniqueConstraint(
                fields=["package"],
                condition=Q(kind="premarketing", withdrawn_at=None),
                name="one_premarketing_notice_in_force",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawal_reason="")
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawal_reason="")),
                name="notice_withdrawn_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("notices:detail", kwargs={"notice_id": self.pk})
