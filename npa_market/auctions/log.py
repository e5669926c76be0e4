"""The log of a lot: numbered events, receipts apart from them, and the answer to each request."""

from typing import Self

from django.db import models
from django.db.models import F, Q

from npa_market.auctions.models import Lot
from npa_market.common.fields import Sha256, UUID7Key
from npa_market.parties.models import Organisation, User


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
    WHOLE_OPENED = "whole_opened", "Bid for the whole"
    WHOLE_VOID = "whole_void", "Bid for the whole void"
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
    "whole_opened", "whole_void", "price_accepted", "round_bid_revealed", "best_bid_placed",
    "offer_made", "offer_declined", "offer_withdrawn", "sold",
)  # fmt: skip
# Evidence entries of what bidders and the seller asked for; a sale is the rules' own act.
ACTS_OF_BIDDERS = (
    *(f"lot.{kind}" for kind in WITH_BIDDER if kind != EventKind.SOLD),
    "lot.bid_refused",
)
# A bid that the bidder's own limit held back: no part of the lot, and named to its own people.
STOPPED = "limit.bid_stopped"
FIXING = f"lot.{EventKind.ENVELOPES_FIXED}"
WITH_AMOUNT = (
    "bid_accepted", "bid_outbid", "envelope_opened", "whole_opened", "price_accepted",
    "round_bid_revealed", "best_bid_placed", "offer_made", "sold",
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
    party = models.CharField(max_length=6, blank=True, help_text="of an offer, of a withdrawal")
    refers_to = models.PositiveIntegerField(null=True, help_text="receipt or offer it speaks of")
    set_sha256 = models.CharField(max_length=64, blank=True, help_text="envelopes fixed (S4)")
    whole_minor = models.BigIntegerField(null=True, help_text="price of the whole it was sold in")

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
                fields=["lot", "refers_to"],
                condition=Q(kind__in=["whole_opened", "whole_void"]),
                name="S2_whole_bid_opened_once",
            ),
            models.CheckConstraint(
                condition=Q(whole_minor__isnull=True)
                | (
                    Q(kind="sold", amount_minor__isnull=False, whole_minor__gt=F("amount_minor"))
                    & ~Q(reason="")
                ),
                name="sold_in_whole_names_event_and_price",
            ),
            models.UniqueConstraint(
                fields=["lot"],
                condition=Q(kind="envelopes_fixed"),
                name="S4_envelopes_fixed_once",
            ),
            models.CheckConstraint(
                condition=~Q(kind="cancelled", party="seller") | Q(seq=1),
                name="withdrawn_by_the_seller_before_all_else",
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
