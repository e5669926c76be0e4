"""Who may buy a lot: invited institutions, and applications with their labels."""

from typing import Self

from django.db import models
from django.db.models import Q

from npa_market.common.fields import UUID7Key
from npa_market.parties.models import Organisation, User


class Invitation(models.Model):
    """An institution that may buy a lot which is offered to invited ones alone; for ever."""

    id = UUID7Key()
    lot = models.ForeignKey("auctions.Lot", on_delete=models.PROTECT, related_name="invitations")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["lot", "buyer"], name="lot_buyer_invited_once")
        ]

    def __str__(self) -> str:
        return f"invitation to {self.lot}"


class RegistrationState(models.TextChoices):
    APPLIED = "applied_for", "Applied"
    ADMITTED = "admitted", "Admitted"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class RegistrationQuerySet(models.QuerySet["Registration"]):
    def visible_to(self, user: User) -> Self:
        """The applicant's own and the venue's; never the seller's: bidders stay unnamed (A20)."""
        if user.works_for_venue:
            return self
        return self.filter(buyer__in=user.organisation_ids())


class Registration(models.Model):
    """A buyer's application to bid on a lot; the label is all that others see (A20)."""

    id = UUID7Key()
    lot = models.ForeignKey("auctions.Lot", on_delete=models.PROTECT, related_name="registrations")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="registrations")
    label = models.CharField(max_length=20, blank=True)
    state = models.CharField(
        max_length=12, choices=RegistrationState, default=RegistrationState.APPLIED
    )
    reason = models.CharField(max_length=500, blank=True)
    applied_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    objects = RegistrationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=RegistrationState.values), name="registration_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="applied_for", label="", reason="")
                | (Q(state="admitted", reason="") & ~Q(label=""))
                | (Q(state="refused", label="") & ~Q(reason=""))
                | Q(state="withdrawn", reason=""),
                name="A20_admitted_has_label_refused_has_reason",
            ),
            models.UniqueConstraint(fields=["lot", "buyer"], name="one_registration_per_lot"),
            models.UniqueConstraint(
                fields=["lot", "label"], condition=~Q(label=""), name="A20_label_once_per_lot"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'unlabelled'} on {self.lot}"

    @property
    def is_closed(self) -> bool:
        return self.state in {RegistrationState.REFUSED, RegistrationState.WITHDRAWN}
