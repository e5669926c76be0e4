"""Several lots of one seller that are announced together and may be bid for as a whole."""

from typing import Self

from django.db import models
from django.db.models import Q

from npa_market.common.fields import Currency, UUID7Key
from npa_market.parties.models import Organisation, User


class EventOutcome(models.TextChoices):
    WHOLE = "whole", "Sold as a whole"
    NO_WHOLE_BID = "no_whole_bid", "Separately: no bid for the whole counted"
    WHOLE_BELOW_RESERVE = "whole_below_reserve", "Separately: the whole below its reserve"
    WHOLE_NOT_ABOVE = "whole_not_above", "Separately: the whole not above the separate bids"


class SaleEventQuerySet(models.QuerySet["SaleEvent"]):
    def visible_to(self, user: User) -> Self:
        """Events with a lot that this person may see."""
        from npa_market.auctions.models import Lot

        lots = Lot.objects.visible_to(user).filter(sale_event=models.OuterRef("pk"))
        return self.filter(models.Exists(lots))


class SaleEvent(models.Model):
    """Two to twelve sealed lots, decided together; everything else stands on the lots."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="sale_events")
    title = models.CharField(max_length=200)
    currency = Currency()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    announced_at = models.DateTimeField()
    outcome = models.CharField(max_length=20, choices=EventOutcome, blank=True)
    decided_at = models.DateTimeField(null=True, help_text="when all lots were opened together")

    objects = SaleEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="", decided_at__isnull=True)
                | Q(outcome__in=EventOutcome.values, decided_at__isnull=False),
                name="event_outcome_has_its_time",
            )
        ]

    def __str__(self) -> str:
        return self.reference
