"""From award to title: deal, contract, payment, delivery, ownership of each loan."""

from typing import Self

from django.db import models
from django.db.models import Q
from django_fsm import ConcurrentTransitionMixin, FSMField, FSMModelMixin

from npa_market.auctions.models import Lot
from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.common.models import StoredFile
from npa_market.parties.models import Organisation, User
from npa_market.tapes.models import Loan


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
    """A sold lot on its way to title and closing."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    lot = models.OneToOneField(Lot, on_delete=models.PROTECT, related_name="deal")
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="sales")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="purchases")
    currency = Currency()
    hammer_minor = models.BigIntegerField()
    state = FSMField(default=DealState.AWARDED, choices=DealState.choices, protected=True)
    awarded_at = models.DateTimeField()
    contract_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )
    contracted_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = DealQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=DealState.values), name="deal_state_known")
        ]

    def __str__(self) -> str:
        return self.reference


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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deal", "loan"], name="one_price_per_loan"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="L6_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.token} {self.price_minor}"


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
            )
        ]

    def __str__(self) -> str:
        return f"{self.loan_id} of {self.owner}"


class Delivery(models.Model):
    """The loan file handed over: encrypted to the buyer's key, released by two, receipted."""

    id = UUID7Key()
    deal = models.OneToOneField(Deal, on_delete=models.PROTECT, related_name="delivery")
    file = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    plain_sha256 = Sha256(blank=True, help_text="hash of the file before encryption")
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

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(second_release_by=None)
                | ~Q(second_release_by=models.F("first_release_by")),
                name="T6_release_by_two_people",
            )
        ]

    def __str__(self) -> str:
        return f"delivery of {self.deal}"
