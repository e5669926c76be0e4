"""Settlement statements: the deal in money, line by line, as both books need it."""

from typing import Self

from django.db import models
from django.db.models import Q

from npa_market.common.fields import Currency, UUID7Key
from npa_market.common.models import StoredFile
from npa_market.parties.models import User
from npa_market.transfers.models import Deal


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
    deposit_minor = models.BigIntegerField()
    balance_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    seller_net_minor = models.BigIntegerField()
    ledger_cut_off = models.UUIDField(help_text="last journal entry included (L10)")
    created_at = models.DateTimeField()
    workbook = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    journal = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")

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
        ]

    def __str__(self) -> str:
        return self.reference
