"""Lots, who may bid, and the event log of which a lot's state is a fold."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.diligence.models import qualified_buyers_of
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


ENDED = frozenset({LotState.SOLD, LotState.UNSOLD, LotState.CANCELLED})


class LotQuerySet(models.QuerySet["Lot"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and institutions that are qualified to buy."""
        if user.works_for_venue:
            return self
        if qualified_buyers_of(user).exists():
            return self
        mine = user.organisation_ids()
        registered = Registration.objects.filter(buyer__in=mine)
        return self.filter(Q(package__seller__in=mine) | Q(pk__in=registered.values("lot")))

    def due(self, now: datetime) -> Self:
        """Lots that time alone would open or settle."""
        return self.filter(
            Q(state=LotState.ANNOUNCED, opens_at__lte=now)
            | Q(state=LotState.OPEN, ends_at__lte=now)
        )


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
        indexes = [models.Index(fields=["state", "ends_at"], name="lot_due")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=LotState.values), name="lot_state_known"),
            models.UniqueConstraint(
                fields=["package"],
                condition=Q(state__in=["announced", "open", "sold"]),
                name="O2_package_in_one_live_lot",
            ),
            models.CheckConstraint(
                condition=Q(registration_ends_at__lte=F("opens_at"))
                & Q(opens_at__lt=F("first_end_at")),
                name="lot_times_in_order",
            ),
            models.CheckConstraint(
                condition=Q(leader__isnull=True, leading_minor__isnull=True, bids=0)
                | Q(leader__isnull=False, leading_minor__gte=F("start_price_minor"), bids__gt=0),
                name="A8_leader_has_price_from_start",
            ),
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

    @property
    def floor_minor(self) -> int:
        """Lowest amount that would be accepted now."""
        if self.leading_minor is None:
            return self.start_price_minor
        return self.leading_minor + self.step_minor

    @property
    def is_over(self) -> bool:
        return self.state in ENDED


class RegistrationState(models.TextChoices):
    APPLIED = "applied_for", "Applied"
    ADMITTED = "admitted", "Admitted"
    REFUSED = "refused", "Refused"


class RegistrationQuerySet(models.QuerySet["Registration"]):
    def visible_to(self, user: User) -> Self:
        """The applicant's own and the venue's; never the seller's: bidders stay unnamed (A20)."""
        if user.works_for_venue:
            return self
        return self.filter(buyer__in=user.organisation_ids())


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
                | (Q(state="refused", label="") & ~Q(reason="")),
                name="A20_admitted_has_label_refused_has_reason",
            ),
            models.UniqueConstraint(fields=["lot", "buyer"], name="one_registration_per_lot"),
            models.UniqueConstraint(
                fields=["lot", "label"], condition=~Q(label=""), name="A20_label_once_per_lot"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or 'unlabelled'} on {self.lot}"


class EventKind(models.TextChoices):
    OPENED = "opened", "Bidding opened"
    BID_ACCEPTED = "bid_accepted", "Bid"
    END_EXTENDED = "end_extended", "End extended"
    SOLD = "sold", "Sold"
    UNSOLD = "unsold", "Ended without a sale"
    CANCELLED = "cancelled", "Cancelled"


class LotEvent(models.Model):
    """One event of a lot, never edited or deleted (A2, A16)."""

    id = models.BigAutoField(primary_key=True)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=EventKind)
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
            models.CheckConstraint(
                condition=Q(kind__in=EventKind.values) & Q(seq__gt=0), name="event_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["bid_accepted", "sold"], bidder__isnull=False, amount_minor__gt=0
                )
                | (
                    ~Q(kind__in=["bid_accepted", "sold"])
                    & Q(bidder__isnull=True, amount_minor__isnull=True)
                ),
                name="A1_bid_and_sale_have_bidder_and_amount",
            ),
            models.CheckConstraint(
                condition=Q(kind="end_extended", ends_at__isnull=False)
                | (~Q(kind="end_extended") & Q(ends_at__isnull=True)),
                name="A6_extension_has_new_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot} #{self.seq} {self.kind}"


class BidOutcomeQuerySet(models.QuerySet["BidOutcome"]):
    def visible_to(self, user: User) -> Self:
        """The bidder's own answers, nobody else's."""
        return self.filter(buyer__in=user.organisation_ids())


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

    objects = BidOutcomeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
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


# The app's other models; Django finds them here.
from npa_market.auctions.notices.models import Notice as Notice  # noqa: E402
