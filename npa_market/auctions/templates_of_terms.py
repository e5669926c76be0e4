"""Terms that a seller keeps under a name, to start an announcement from them."""

from typing import Self

from django.db import models

from npa_market.common.fields import Currency, UUID7Key
from npa_market.parties.models import Organisation, User


class TermsTemplateQuerySet(models.QuerySet["TermsTemplate"]):
    def visible_to(self, user: User) -> Self:
        """Only the seller's own staff."""
        return self.filter(seller__in=user.organisation_ids())


class TermsTemplate(models.Model):
    """Terms under a name; amounts are minor units of `currency`. No dates, package or reserve."""

    id = UUID7Key()
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    currency = Currency()
    document = models.JSONField(help_text="terms by their column on a lot, those that were given")
    saved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    saved_at = models.DateTimeField()

    objects = TermsTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="terms_name_once_per_seller")
        ]

    def __str__(self) -> str:
        return self.name
