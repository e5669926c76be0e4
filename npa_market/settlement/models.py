"""Settlement statements: the deal in money, line by line, as both books need it."""

from typing import Self

from django.db import models
from django.db.models import Q

from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.common.models import StoredFile
from npa_market.parties.models import Organisation, User
from npa_market.transfers.models import Deal


class StatementState(models.TextChoices):
    PROPOSED = "proposed", "To be agreed"
    HALF = "half_agreed", "Agreed by one side"
    SETTLED = "agreed", "Agreed and settled"


class StatementQuerySet(models.QuerySet["Statement"]):
    def visible_to(self, user: User) -> Self:
        """Both parties of the deal and the venue."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        return self.filter(Q(deal__seller__in=mine) | Q(deal__buyer__in=mine))


class Statement(models.Model):
    """Lines in the order of the settlement rules; deposit + balance = seller net + fee + tax."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    deal = models.OneToOneField(Deal, on_delete=models.PROTECT, related_name="statement")
    currency = Currency()
    hammer_minor = models.BigIntegerField()
    excluded_minor = models.BigIntegerField(default=0)
    adjusted_minor = models.BigIntegerField()
    receipts_minor = models.BigIntegerField(default=0, help_text="since cut-off, to the buyer")
    receipts_cost_minor = models.BigIntegerField(default=0)
    receipts_direct_minor = models.BigIntegerField(
        default=0, help_text="receipts above the price, paid by the seller outside the venue"
    )
    deposit_minor = models.BigIntegerField()
    balance_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    seller_net_minor = models.BigIntegerField()
    ledger_cut_off = models.UUIDField(help_text="last journal entry included (L10)")
    ledger_seq = models.PositiveBigIntegerField(help_text="number of that entry")
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    workbook = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    journal = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    settled_at = models.DateTimeField(null=True, help_text="both agreed, seller paid out")
    closing_seq = models.PositiveBigIntegerField(
        null=True, help_text="last journal entry of the closed deal"
    )
    closing_journal = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = StatementQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    seller_net_minor=models.F("deposit_minor")
                    + models.F("balance_minor")
                    - models.F("fee_minor")
                    - models.F("tax_minor")
                ),
                name="L9_statement_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(adjusted_minor=models.F("hammer_minor") - models.F("excluded_minor")),
                name="adjusted_price_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(
                    balance_minor=models.F("adjusted_minor")
                    - models.F("receipts_minor")
                    + models.F("receipts_cost_minor")
                    + models.F("receipts_direct_minor")
                    - models.F("deposit_minor")
                ),
                name="balance_due_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(settled_at=None, closing_seq=None, closing_journal=None)
                | Q(
                    settled_at__isnull=False,
                    closing_seq__isnull=False,
                    closing_journal__isnull=False,
                ),
                name="settled_statement_has_closing_journal",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def state(self) -> StatementState:
        """Waiting for both sides, for one, or settled."""
        if self.settled_at is not None:
            return StatementState.SETTLED
        return StatementState.HALF if self.agreements.exists() else StatementState.PROPOSED

    def get_state_display(self) -> str:
        return str(self.state.label)


class Agreement(models.Model):
    """One side's word that the statement with this workbook is right."""

    id = UUID7Key()
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="agreements")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    agreed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField()
    workbook_sha256 = Sha256()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["statement", "organisation"], name="one_agreement_per_side"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation} on {self.statement}"
