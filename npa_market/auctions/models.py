"""Lots, who may bid, and the event log of which a lot's state is a fold."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User


class LotFormat(models.TextChoices):
    ASCENDING = "ascending", "Ascending, soft close"


class LotState(models.TextChoices):
    ANNOUNCED = "announced", "Announced"
    OPEN = "open", "Bidding"
    SOLD = "sold", "Sold"
    UNSOLD = "unsold", "Unsold"
    CANCELLED = "cancelled", "Cancelled"


class LotQuerySet(models.QuerySet["Lot"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and institutions that are qualified to buy."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        qualified = Organisation.objects.filter(pk__in=mine, kind="buyer")
        if qualified.filter(qualification="qualified").exists():
            return self
        return self.filter(
            Q(package__seller__in=mine) | Q(registrations__buyer__in=mine)
        ).distinct()


class Lot(models.Model):
    """A package offered once under fixed terms; terms never change after the first bid."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="lots")
    title = models.CharField(max_length=200)
    format = models.CharField(max_length=10, choices=LotFormat, default=LotFormat.ASCENDING)
    currency = Currency()
    time_zone = models.CharField(max_length=40, default="Asia/Shanghai")
    start_price_minor = models.BigIntegerField()
    step_minor = models.BigIntegerField()
    reserve_minor = models.BigIntegerField(null=True, help_text="never leaves the seller")
    deposit_minor = models.BigIntegerField()
    fee_per_100k = models.PositiveIntegerField(help_text="platform fee, borne by the seller")
    tax_per_100k = models.PositiveIntegerField(help_text="tax on the fee")
    window_seconds = models.PositiveIntegerField(default=300)
    extension_seconds = models.PositiveIntegerField(default=300)
    announced_at = models.DateTimeField()
    registration_ends_at = models.DateTimeField()
    opens_at = models.DateTimeField()
    first_end_at = models.DateTimeField(help_text="the end as announced")
    ends_at = models.DateTimeField(help_text="the end in force")
    hard_end_at = models.DateTimeField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=LotState, default=LotState.ANNOUNCED)
    # A read model of the events below, kept by the same transaction.
    last_seq = models.PositiveIntegerField(default=0)
    last_decided_at = models.DateTimeField(null=True)
    leading_minor = models.BigIntegerField(null=True)
    leader = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="leading_lots"
    )
    bids = models.PositiveIntegerField(default=0)
    hammer_minor = models.BigIntegerField(null=True)
    winner = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="won_lots"
    )

    objects = LotQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=LotState.values), name="lot_state_known"),
            models.CheckConstraint(
                condition=Q(ends_at__lte=F("hard_end_at")) & Q(ends_at__gte=F("first_end_at")),
                name="A6_end_between_first_and_hard_end",
            ),
            models.CheckConstraint(
                condition=Q(step_minor__gt=0) & Q(start_price_minor__gt=0) & Q(deposit_minor__gt=0),
                name="lot_money_terms_positive",
            ),
            models.CheckConstraint(
                condition=~Q(state="sold")
                | (Q(winner__isnull=False) & Q(hammer_minor__isnull=False)),
                name="A14_sold_lot_has_winner_and_price",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def seller(self) -> Organisation:
        return self.package.seller


class RegistrationState(models.TextChoices):
    APPLIED = "applied_for", "Applied"
    ADMITTED = "admitted", "Admitted"
    REFUSED = "refused", "Refused"


class Registration(models.Model):
    """A buyer's application to bid on a lot; the label is all that others see (A20)."""

    id = UUID7Key()
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="registrations")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="registrations")
    label = models.CharField(max_length=20, blank=True)
    state = models.CharField(
        max_length=12, choices=RegistrationState, default=RegistrationState.APPLIED
    )
    reason = models.CharField(max_length=500, blank=True)
    applied_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lot", "buyer"], name="one_registration_per_lot"),
            models.UniqueConstraint(
                fields=["lot", "label"], condition=~Q(label=""), name="A20_label_once_per_lot"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'unlabelled'} on {self.lot}"


class LotEvent(models.Model):
    """One event of a lot, never edited or deleted (A2, A16)."""

    id = models.BigAutoField(primary_key=True)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    decided_at = models.DateTimeField(help_text="database clock after the lock was held")
    bidder = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField(null=True)
    ends_at = models.DateTimeField(null=True, help_text="new end, where the event moves it")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["lot", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["lot", "seq"], name="A2_lot_seq_once"),
            models.UniqueConstraint(
                fields=["lot"],
                condition=Q(kind__in=["sold", "unsold", "cancelled"]),
                name="A12_one_terminal_event",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot} #{self.seq} {self.kind}"


class BidOutcome(models.Model):
    """What a bid request was answered, for ever (A1, A3): accepted as #seq, or refused."""

    id = UUID7Key()
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="outcomes")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    bidder_user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    request_id = models.UUIDField()
    request_sha256 = Sha256(help_text="hash of the request's payload")
    amount_minor = models.BigIntegerField()
    refusal = models.CharField(max_length=30, blank=True)
    message = models.CharField(max_length=300, blank=True)
    event = models.OneToOneField(
        LotEvent, null=True, on_delete=models.PROTECT, related_name="outcome"
    )
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["buyer", "request_id"], name="A3_one_outcome_per_request"
            ),
            models.CheckConstraint(
                condition=(Q(refusal="") & Q(event__isnull=False))
                | (~Q(refusal="") & Q(event__isnull=True)),
                name="A1_accepted_has_event_refused_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.refusal or 'accepted'}"
