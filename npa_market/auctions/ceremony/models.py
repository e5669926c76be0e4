"""The key of a lot with sealed bids, the shares handed in for its opening, and bidders' reveals."""

from django.db import models
from django.db.models import Q

from npa_market.auctions.lot_keys import Holder
from npa_market.common.fields import UUID7Key
from npa_market.parties.models import User


class ShareHolder(models.TextChoices):
    SELLER = Holder.SELLER.value, "Seller"
    COMPLIANCE = Holder.COMPLIANCE.value, "Venue's compliance officer"
    NOTARY = Holder.NOTARY.value, "Notary"


class LotKeyRecord(models.Model):
    """The public half before the opening; the private half is published by it, never before."""

    id = UUID7Key()
    lot = models.OneToOneField("auctions.Lot", on_delete=models.PROTECT, related_name="key")
    public_key = models.CharField(max_length=64, unique=True)
    set_id = models.PositiveIntegerField(help_text="names the split; stands in every share")
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    checkpoint = models.JSONField(null=True, help_text="signed: the set of envelopes (S4)")
    private_key = models.CharField(max_length=64, blank=True, help_text="published")
    opened_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(private_key="") | Q(opened_at__isnull=False, checkpoint__isnull=False),
                name="S4_key_published_after_checkpoint",
            ),
        ]

    def __str__(self) -> str:
        return f"key of {self.lot}"


class KeyShare(models.Model):
    """A share handed in after the deadline, encrypted; its words are erased when the lot ends."""

    id = UUID7Key()
    key = models.ForeignKey(LotKeyRecord, on_delete=models.PROTECT, related_name="shares")
    holder = models.CharField(max_length=10, choices=ShareHolder)
    words_sealed = models.TextField(blank=True)
    handed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    handed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "holder"], name="S1_one_share_per_holder"),
            models.UniqueConstraint(fields=["key", "handed_by"], name="S1_shares_of_two_people"),
            models.CheckConstraint(
                condition=Q(holder__in=ShareHolder.values), name="share_holder_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_holder_display()}'s share of {self.key}"


class Reveal(models.Model):
    """A bidder's own key to an envelope, where the holders of the lot's key stayed away.

    The key is erased where the lot was cancelled.
    """

    id = UUID7Key()
    key = models.ForeignKey(LotKeyRecord, on_delete=models.PROTECT, related_name="reveals")
    receipt = models.OneToOneField(
        "auctions.LotReceipt", on_delete=models.PROTECT, related_name="reveal"
    )
    ephemeral_sealed = models.TextField()
    revealed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    revealed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"reveal of {self.receipt}"
