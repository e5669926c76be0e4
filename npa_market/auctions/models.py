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
    SEALED = "sealed", "Sealed bids"
    DUTCH = "dutch", "Falling price, then a sealed round"
    NEGOTIATED = "negotiated", "Negotiated with one buyer"


class LotState(models.TextChoices):
    ANNOUNCED = "announced", "Announced"
    OPEN = "open", "Bidding"
    SUSPENDED = "suspended", "Suspended"
    OPENING = "opening", "Awaits opening"
    SOLD = "sold", "Sold"
    UNSOLD = "unsold", "Unsold"
    CANCELLED = "cancelled", "Cancelled"


ENDED = frozenset({LotState.SOLD, LotState.UNSOLD, LotState.CANCELLED})


class LotQuerySet(models.QuerySet["Lot"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and institutions that are qualified to buy.

        A negotiated lot is its seller's and its one invited buyer's alone.
        """
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        if qualified_buyers_of(user).exists():
            return self.filter(
                ~Q(format=LotFormat.NEGOTIATED) | Q(package__seller__in=mine) | Q(invited__in=mine)
            )
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
    higher_steps = models.JSONField(default=list, help_text="(from price, step), rising")
    max_extensions = models.PositiveIntegerField(null=True, help_text="none = the hard end alone")
    allows_proxy = models.BooleanField(default=False, help_text="every bid is a maximum")
    allows_withdrawal = models.BooleanField(default=False, help_text="of sealed envelopes")
    tick_seconds = models.PositiveIntegerField(default=60)
    lowest_price_minor = models.BigIntegerField(null=True, help_text="where a falling price stops")
    round_seconds = models.PositiveIntegerField(default=600)
    best_bid_seconds = models.PositiveIntegerField(default=300)
    invited = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="invitations"
    )
    announced_at = models.DateTimeField()
    registration_ends_at = models.DateTimeField()
    opens_at = models.DateTimeField()
    first_end_at = models.DateTimeField(help_text="the end as announced")
    ends_at = models.DateTimeField(help_text="the end in force")
    hard_end_at = models.DateTimeField(help_text="as announced")
    last_end_at = models.DateTimeField(help_text="the hard end in force: a suspension moves it")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=LotState, default=LotState.ANNOUNCED)
    # A read model of the events below, kept by the same transaction.
    last_seq = models.PositiveIntegerField(default=0)
    last_decided_at = models.DateTimeField(null=True)
    leading_minor = models.BigIntegerField(null=True)
    leader = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="leading_lots"
    )
    leader_max_minor = models.BigIntegerField(null=True, help_text="shown to the leader alone")
    bids = models.PositiveIntegerField(default=0)
    extensions = models.PositiveIntegerField(default=0)
    receipts = models.PositiveIntegerField(default=0, help_text="never shown before the opening")
    suspended_since = models.DateTimeField(null=True)
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
                condition=Q(state__in=["announced", "open", "suspended", "opening", "sold"]),
                name="O2_package_in_one_live_lot",
            ),
            models.CheckConstraint(
                condition=Q(registration_ends_at__lte=F("opens_at"))
                & Q(opens_at__lt=F("first_end_at")),
                name="lot_times_in_order",
            ),
            models.CheckConstraint(
                condition=Q(leader__isnull=True, leading_minor__isnull=True, bids=0)
                | Q(
                    leader__isnull=False,
                    leading_minor__isnull=False,
                    leading_minor__gte=F("start_price_minor"),
                    bids__gt=0,
                ),
                name="A8_leader_has_price_from_start",
            ),
            models.CheckConstraint(
                # A stage of a falling lot may end before the fall would have ended.
                condition=Q(ends_at__lte=F("last_end_at"))
                & Q(last_end_at__gte=F("hard_end_at"))
                & (Q(format="dutch") | Q(ends_at__gte=F("first_end_at"))),
                name="A6_end_between_first_and_hard_end",
            ),
            models.CheckConstraint(
                condition=Q(max_extensions__isnull=True) | Q(extensions__lte=F("max_extensions")),
                name="A6_extensions_within_cap",
            ),
            models.CheckConstraint(
                condition=Q(leader_max_minor__isnull=True)
                | (Q(allows_proxy=True) & Q(leader_max_minor__gte=F("leading_minor"))),
                name="A10_maximum_not_below_price",
            ),
            models.CheckConstraint(
                condition=Q(state="suspended", suspended_since__isnull=False)
                | (~Q(state="suspended") & Q(suspended_since__isnull=True)),
                name="A18_suspended_lot_has_since",
            ),
            models.CheckConstraint(
                condition=~Q(state="opening") | Q(format="sealed"),
                name="S1_only_sealed_lots_await_opening",
            ),
            models.CheckConstraint(
                condition=Q(format__in=LotFormat.values)
                & (Q(format="negotiated") | Q(invited__isnull=True))
                & (~Q(format="negotiated") | Q(invited__isnull=False))
                & (
                    Q(format="dutch", lowest_price_minor__isnull=False, lowest_price_minor__gt=0)
                    | (~Q(format="dutch") & Q(lowest_price_minor__isnull=True))
                )
                & (Q(format="ascending") | Q(leader__isnull=True, allows_proxy=False)),
                name="lot_terms_of_its_format",
            ),
            models.CheckConstraint(
                condition=Q(step_minor__gt=0) & Q(start_price_minor__gt=0) & Q(deposit_minor__gt=0),
                name="lot_money_terms_positive",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="sold",
                    winner__isnull=False,
                    hammer_minor__isnull=False,
                    hammer_minor__gt=0,
                )
                | (~Q(state="sold") & Q(winner__isnull=True, hammer_minor__isnull=True)),
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
        step_minor = self.step_minor
        for from_minor, higher_minor in self.higher_steps:
            step_minor = higher_minor if self.leading_minor >= from_minor else step_minor
        return self.leading_minor + step_minor

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
    BID_OUTBID = "bid_outbid", "Bid met a higher maximum"
    MAXIMUM_RAISED = "maximum_raised", "Leader confirmed its maximum"
    END_EXTENDED = "end_extended", "End extended"
    SUSPENDED = "suspended", "Suspended"
    RESUMED = "resumed", "Resumed"
    ENVELOPES_FIXED = "envelopes_fixed", "Deadline passed, envelopes fixed"
    ENVELOPE_OPENED = "envelope_opened", "Envelope opened"
    ENVELOPE_VOID = "envelope_void", "Envelope void"
    PRICE_ACCEPTED = "price_accepted", "Price accepted"
    ROUND_BID_REVEALED = "round_bid_revealed", "Bid of the sealed round"
    ROUND_REVEALED = "round_revealed", "Sealed round ended"
    BEST_BID_PLACED = "best_bid_placed", "Best bid of the acceptor"
    OFFER_MADE = "offer_made", "Offer"
    OFFER_DECLINED = "offer_declined", "Offer declined"
    OFFER_WITHDRAWN = "offer_withdrawn", "Offer withdrawn"
    SOLD = "sold", "Sold"
    UNSOLD = "unsold", "Ended without a sale"
    CANCELLED = "cancelled", "Cancelled"


# Which columns an event of a kind fills; every other column stays empty.
WITH_BIDDER = (
    "bid_accepted", "bid_outbid", "maximum_raised", "envelope_opened", "envelope_void",
    "price_accepted", "round_bid_revealed", "best_bid_placed", "offer_made", "offer_declined",
    "offer_withdrawn", "sold",
)  # fmt: skip
WITH_AMOUNT = (
    "bid_accepted", "bid_outbid", "envelope_opened", "price_accepted", "round_bid_revealed",
    "best_bid_placed", "offer_made", "sold",
)  # fmt: skip
WITH_END = ("end_extended", "resumed", "price_accepted", "round_revealed", "offer_made")


class LotEvent(models.Model):
    """One event of a lot, never edited or deleted (A2, A16).

    Trap: a comparison with NULL is unknown, and a check lets what is unknown pass; so a condition
    names `isnull=False` beside each comparison.
    """

    id = models.BigAutoField(primary_key=True)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=EventKind)
    decided_at = models.DateTimeField(help_text="database clock after the lock was held")
    bidder = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField(null=True)
    ends_at = models.DateTimeField(null=True, help_text="new end, where the event moves it")
    reason = models.CharField(max_length=300, blank=True)
    max_minor = models.BigIntegerField(null=True, help_text="hidden maximum, shown to nobody else")
    since = models.DateTimeField(null=True, help_text="when bidding became impossible (A18)")
    party = models.CharField(max_length=6, blank=True, help_text="side of an offer")
    refers_to = models.PositiveIntegerField(null=True, help_text="receipt or offer it speaks of")
    set_sha256 = models.CharField(max_length=64, blank=True, help_text="envelopes fixed (S4)")

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
                condition=Q(kind__in=WITH_BIDDER, bidder__isnull=False)
                | (~Q(kind__in=WITH_BIDDER) & Q(bidder__isnull=True)),
                name="A1_event_of_a_bidder_names_it",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=WITH_AMOUNT, amount_minor__isnull=False, amount_minor__gt=0)
                | (~Q(kind__in=WITH_AMOUNT) & Q(amount_minor__isnull=True)),
                name="A1_bid_and_sale_have_an_amount",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=WITH_END, ends_at__isnull=False)
                | (~Q(kind__in=WITH_END) & Q(ends_at__isnull=True)),
                name="A6_event_that_moves_the_end_has_it",
            ),
            models.CheckConstraint(
                condition=Q(max_minor__isnull=True)
                | Q(kind="maximum_raised")
                | Q(kind__in=["bid_accepted"], max_minor__gte=F("amount_minor"))
                | Q(kind__in=["bid_outbid"], max_minor__gt=0),
                name="A10_maximum_belongs_to_a_bid",
            ),
            models.CheckConstraint(
                condition=Q(kind="suspended", since__isnull=False, since__lte=F("decided_at"))
                | (~Q(kind="suspended") & Q(since__isnull=True)),
                name="A18_suspension_has_since",
            ),
            models.UniqueConstraint(
                fields=["lot", "refers_to"],
                condition=Q(kind__in=["envelope_opened", "envelope_void", "round_bid_revealed"]),
                name="S2_receipt_opened_once",
            ),
            models.UniqueConstraint(
                fields=["lot"],
                condition=Q(kind="envelopes_fixed"),
                name="S4_envelopes_fixed_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot} #{self.seq} {self.kind}"


class ReceiptKind(models.TextChoices):
    ENVELOPE = "envelope", "Envelope"
    WITHDRAWAL = "withdrawal", "Envelope withdrawn"
    ROUND_BID = "round_bid", "Bid of a sealed round"


class LotReceipt(models.Model):
    """What was handed in and is secret for now, numbered apart from the log (S7); for ever (A16).

    An envelope is opaque: bytes of one length, and their hash.
    """

    id = models.BigAutoField(primary_key=True)
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="receipt_rows")
    receipt = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=ReceiptKind)
    after_seq = models.PositiveIntegerField(help_text="last number of the lot's log before it")
    decided_at = models.DateTimeField(help_text="database clock after the lock was held")
    bidder = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    envelope = models.BinaryField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    amount_minor = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["lot", "receipt"]
        constraints = [
            models.UniqueConstraint(fields=["lot", "receipt"], name="S7_lot_receipt_once"),
            models.CheckConstraint(
                condition=Q(
                    ~Q(sha256=""), kind="envelope", envelope__isnull=False,
                    amount_minor__isnull=True,
                )
                | Q(kind="withdrawal", envelope__isnull=True, sha256="", amount_minor__isnull=True)
                | Q(
                    kind="round_bid",
                    envelope__isnull=True,
                    sha256="",
                    amount_minor__isnull=False,
                    amount_minor__gt=0,
                ),
                name="S2_receipt_holds_what_its_kind_says",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.lot} receipt {self.receipt} {self.kind}"


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
    amount_minor = models.BigIntegerField(null=True, help_text="none for an envelope, an answer")
    refusal = models.CharField(max_length=30, blank=True)
    message = models.CharField(max_length=300, blank=True)
    event = models.OneToOneField(
        LotEvent, null=True, on_delete=models.PROTECT, related_name="outcome"
    )
    receipt = models.OneToOneField(
        LotReceipt, null=True, on_delete=models.PROTECT, related_name="outcome"
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
                condition=Q(refusal="", event__isnull=False, receipt__isnull=True)
                | Q(refusal="", event__isnull=True, receipt__isnull=False)
                | (~Q(refusal="") & Q(event__isnull=True, receipt__isnull=True)),
                name="A1_accepted_has_event_refused_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.refusal or 'accepted'}"


# The app's other models; Django finds them here.
from npa_market.auctions.ceremony.models import KeyShare as KeyShare  # noqa: E402
from npa_market.auctions.ceremony.models import LotKeyRecord as LotKeyRecord  # noqa: E402
from npa_market.auctions.ceremony.models import Reveal as Reveal  # noqa: E402
from npa_market.auctions.notices.models import Notice as Notice  # noqa: E402
from npa_market.auctions.pulse import Pulse as Pulse  # noqa: E402
