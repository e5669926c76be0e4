"""From award to title: deal, contract, payment, delivery, ownership of each loan."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django_fsm import ConcurrentTransitionMixin, FSMField, FSMModelMixin, transition

from npa_market.auctions.models import Lot
from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.common.models import StoredFile
from npa_market.ledger.models import JournalEntry
from npa_market.parties.models import Organisation, User
from npa_market.tapes.models import Loan
from npa_market.transfers.allocation import Basis
from npa_market.transfers.price import MoneyTerms, Price, price_of
from npa_market.transfers.terms import DealTerms, read_terms


class DealState(models.TextChoices):
    AWARDED = "awarded", "Awarded"
    CONTRACTED = "contracted", "Contracted"
    PAID = "paid", "Paid, title moved"
    DELIVERED = "delivered", "Delivered"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"


class DealQuerySet(models.QuerySet["Deal"]):
    def visible_to(self, user: User) -> Self:
        """Both parties and the venue."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        return self.filter(Q(seller__in=mine) | Q(buyer__in=mine))


class Deal(ConcurrentTransitionMixin, FSMModelMixin, models.Model):
    """A sold lot on its way to title and closing. Services alone move the state."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    lot = models.OneToOneField(Lot, on_delete=models.PROTECT, related_name="deal")
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="sales")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="purchases")
    currency = Currency()
    hammer_minor = models.BigIntegerField()
    excluded_minor = models.BigIntegerField(
        default=0, help_text="allocated price of loans excluded before the contract"
    )
    deposit_minor = models.BigIntegerField()
    receipts_minor = models.BigIntegerField(
        default=0, help_text="received by the seller since the cut-off date, as known at the award"
    )
    terms = models.JSONField(help_text="deal terms as copied at the award")
    allocation_basis = models.CharField(max_length=10, choices=[(b.value, b.value) for b in Basis])
    state = FSMField(default=DealState.AWARDED, choices=DealState.choices, protected=True)
    awarded_at = models.DateTimeField()
    contract_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )
    contracted_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancel_reason = models.CharField(max_length=500, blank=True)

    objects = DealQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DealState.values), name="deal_state_known"
            ),
            models.CheckConstraint(
                condition=Q(hammer_minor__gt=0)
                & Q(excluded_minor__gte=0)
                & Q(excluded_minor__lte=models.F("hammer_minor"))
                & Q(deposit_minor__gte=0)
                & Q(receipts_minor__gte=0),
                name="deal_money_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["awarded", "cancelled"]) | Q(contracted_at__isnull=False),
                name="T1_contracted_before_paid",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["paid", "delivered", "closed"]) | Q(paid_at__isnull=False),
                name="T1_paid_before_delivered",
            ),
            models.CheckConstraint(
                condition=~Q(state="cancelled") | (Q(paid_at=None) & ~Q(cancel_reason="")),
                name="T1_cancelled_before_paid_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def delivery(self) -> "Delivery":
        """The delivery in force. Raises Delivery.DoesNotExist before the file was released."""
        return self.deliveries.in_force().get()

    @property
    def deal_terms(self) -> DealTerms:
        return read_terms(self.terms)

    @property
    def money_terms(self) -> MoneyTerms:
        """What decides the money: amounts of the deal, rates of its terms and of the lot."""
        return MoneyTerms(
            hammer_minor=self.hammer_minor,
            excluded_minor=self.excluded_minor,
            receipts_minor=self.receipts_minor,
            receipts_cost_per_100k=self.deal_terms.receipts_cost_per_100k,
            deposit_minor=self.deposit_minor,
            fee_per_100k=self.lot.fee_per_100k,
            tax_per_100k=self.lot.tax_per_100k,
        )

    @property
    def price(self) -> Price:
        """The deal in money."""
        return price_of(self.money_terms)

    @transition(field=state, source=DealState.AWARDED, target=DealState.CONTRACTED)
    def contract(self, now: datetime) -> None:
        """Both sides have signed."""
        self.contracted_at = now

    @transition(field=state, source=DealState.CONTRACTED, target=DealState.PAID)
    def pay(self, now: datetime) -> None:
        """The balance is in, title moves."""
        self.paid_at = now

    @transition(field=state, source=DealState.PAID, target=DealState.DELIVERED)
    def deliver(self, now: datetime) -> None:
        """The buyer has receipted the file."""
        self.delivered_at = now

    @transition(field=state, source=DealState.DELIVERED, target=DealState.CLOSED)
    def close(self, now: datetime) -> None:
        """Both books agree and the seller is paid out."""
        self.closed_at = now

    @transition(
        field=state, source=[DealState.AWARDED, DealState.CONTRACTED], target=DealState.CANCELLED
    )
    def cancel(self, now: datetime, reason: str) -> None:
        """Ended before title moved."""
        self.cancelled_at = now
        self.cancel_reason = reason


class Signature(models.Model):
    """One side's signature under the contract text with this hash."""

    id = UUID7Key()
    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="signatures")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()
    document_sha256 = Sha256()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deal", "organisation"], name="one_signature_per_side")
        ]

    def __str__(self) -> str:
        return f"{self.organisation} on {self.deal}"


class LoanPrice(models.Model):
    """The part of the hammer price that falls on one loan (L6)."""

    id = models.BigAutoField(primary_key=True)
    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="loan_prices")
    loan = models.ForeignKey(Loan, on_delete=models.PROTECT, related_name="+")
    token = models.CharField(max_length=32)
    price_minor = models.BigIntegerField()
    exclusion = models.CharField(
        max_length=20, blank=True, help_text="why the loan stayed with the seller, else empty"
    )

    class Meta:
        ordering = ["deal", "token"]
        constraints = [
            models.UniqueConstraint(fields=["deal", "loan"], name="one_price_per_loan"),
            models.UniqueConstraint(fields=["deal", "token"], name="one_price_per_token"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="L6_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.token} {self.price_minor}"


class Payment(models.Model):
    """Money of the buyer matched to the deal: one bank line, one entry of the books."""

    id = UUID7Key()
    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="payments")
    amount_minor = models.BigIntegerField()
    bank_reference = models.CharField(max_length=120)
    entry = models.OneToOneField(JournalEntry, on_delete=models.PROTECT, related_name="+")
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["deal", "bank_reference"], name="payment_once_per_bank_line"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} for {self.deal}"


class Ownership(models.Model):
    """Chain of title of a loan: exactly one owner at any instant (O1)."""

    id = models.BigAutoField(primary_key=True)
    loan = models.ForeignKey(Loan, on_delete=models.PROTECT, related_name="title")
    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    deal = models.ForeignKey(Deal, null=True, on_delete=models.PROTECT, related_name="titles")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["loan"], condition=Q(until=None), name="O1_one_owner_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=models.F("since")),
                name="O1_owned_forwards_in_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.loan_id} of {self.owner}"


class PackageKey(models.Model):
    """The key of one delivery file made for a package, sealed under the venue's key.

    Erased, it leaves a row without a key: what was encrypted to it never opens again.
    """

    id = UUID7Key()
    package = models.ForeignKey(
        "packages.Package", on_delete=models.PROTECT, related_name="copies_keys"
    )
    wrapped = models.TextField(blank=True, help_text="sealed under NPA_VAULT_KEY; empty = erased")
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(erased_at=None, wrapped__gt="")
                | Q(erased_at__isnull=False, wrapped=""),
                name="package_key_is_there_or_erased",
            ),
            models.UniqueConstraint(
                fields=["package"], condition=Q(erased_at=None), name="package_has_one_live_key"
            ),
        ]

    def __str__(self) -> str:
        return f"key of the copies of {self.package}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def in_force(self) -> Self:
        """Files that were released and that no newer one replaces: one per deal at most."""
        return self.filter(file__isnull=False, replaced_at=None)


class Delivery(models.Model):
    """A loan file handed over: encrypted to the buyer's key, released by two, receipted.

    Where it stood still it is released again: a row of its own, which replaces the one before.
    """

    id = UUID7Key()
    deal = models.ForeignKey(Deal, on_delete=models.PROTECT, related_name="deliveries")
    number = models.PositiveSmallIntegerField(default=1, help_text="from 1 on, within the deal")
    file = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    plain_sha256 = Sha256(blank=True, help_text="hash of the file before encryption")
    taken_sha256 = Sha256(
        blank=True,
        help_text="hash of the file as the buyer takes it; empty where it is kept as it is taken",
    )
    key = models.ForeignKey(
        PackageKey, null=True, on_delete=models.PROTECT, related_name="+",
        help_text="opens the venue's copy; none for a file from before packages had keys",
    )  # fmt: skip
    recipient = models.CharField(
        max_length=100, blank=True, help_text="the buyer's key that the file was encrypted to"
    )
    first_release_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    second_release_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+"
    )
    released_at = models.DateTimeField(null=True)
    receipted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    receipted_at = models.DateTimeField(null=True)
    downloads = models.PositiveSmallIntegerField(default=0)
    replaced_at = models.DateTimeField(null=True, help_text="when it was released again")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["deal", "number"], name="delivery_number_once"),
            models.UniqueConstraint(
                fields=["deal"],
                condition=Q(file__isnull=False, replaced_at=None),
                name="T3_one_delivery_in_force",
            ),
            models.UniqueConstraint(
                fields=["deal"], condition=Q(file=None), name="T6_one_release_waits"
            ),
            models.CheckConstraint(
                condition=Q(replaced_at=None) | Q(file__isnull=False, receipted_at=None),
                name="T3_replaced_file_is_not_receipted",
            ),
            models.CheckConstraint(
                condition=Q(second_release_by=None)
                | ~Q(second_release_by=models.F("first_release_by")),
                name="T6_release_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(file=None)
                | (Q(first_release_by__isnull=False) & Q(second_release_by__isnull=False)),
                name="T2_no_file_before_two_releases",
            ),
            models.CheckConstraint(
                condition=Q(receipted_at=None) | Q(file__isnull=False),
                name="T3_receipt_needs_a_file",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery of {self.deal}"

    @property
    def sha256(self) -> str:
        """Hash of the file as the buyer takes it; empty before the release."""
        return self.taken_sha256 or self.file_id or ""
