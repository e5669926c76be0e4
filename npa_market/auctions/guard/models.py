"""The most that a buyer will pay for a lot: proposed by one person, approved by another."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from npa_market.common.fields import UUID7Key
from npa_market.parties.models import Organisation, User


class LimitState(models.TextChoices):
    PROPOSED = "proposed", "Waits for a second signatory"
    DROPPED = "dropped", "Proposal dropped"
    IN_FORCE = "in_force", "In force"
    WITHDRAWN = "withdrawn", "Withdrawn, no bids"
    REPLACED = "replaced", "Replaced"


# The one row that decides about bids: a limit, or its withdrawal, which stops them all.
DECISIVE = (LimitState.IN_FORCE, LimitState.WITHDRAWN)


class BidLimitQuerySet(models.QuerySet["BidLimit"]):
    def visible_to(self, user: User) -> Self:
        """The buyer's own people alone: not the seller, not a rival, not the venue."""
        return self.filter(buyer__in=user.organisation_ids())

    def decisive(self) -> Self:
        """At most one row for each lot and buyer."""
        return self.filter(state__in=DECISIVE)


class BidLimit(models.Model):
    """A limit of one buyer on one lot. Amount and proposer never change; no row is deleted.

    Another limit is another row. The log names no amount, but a commitment: SHA-256 over `salt`
    and amount, by which the buyer can prove later what was approved.
    """

    id = UUID7Key()
    lot = models.ForeignKey("auctions.Lot", on_delete=models.PROTECT, related_name="limits")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField(help_text="the buyer's secret")
    salt = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=LimitState, default=LimitState.PROPOSED)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    approved_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    objects = BidLimitQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("proposed_by")),
                name="T6_limit_approver_is_not_proposer",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="proposed", approved_by__isnull=True, approved_at__isnull=True,
                    ended_at__isnull=True,
                )
                | Q(
                    state="dropped", approved_by__isnull=True, approved_at__isnull=True,
                    ended_at__isnull=False,
                )
                | Q(
                    state="in_force", approved_by__isnull=False, approved_at__isnull=False,
                    ended_at__isnull=True,
                )
                | Q(
                    state__in=["withdrawn", "replaced"], approved_by__isnull=False,
                    approved_at__isnull=False, ended_at__isnull=False,
                ),
                name="limit_has_what_its_state_says",
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0), name="limit_amount_positive"
            ),
            models.UniqueConstraint(
                fields=["lot", "buyer"],
                condition=Q(state__in=["in_force", "withdrawn"]),
                name="one_decisive_limit_per_lot_and_buyer",
            ),
            models.UniqueConstraint(
                fields=["lot", "buyer"],
                condition=Q(state="proposed"),
                name="one_proposed_limit_per_lot_and_buyer",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"limit of {self.buyer} on {self.lot}"
