"""Double-entry books of the venue: deposits, prices, fees, taxes."""

from typing import Self

from django.db import models

from npa_market.common.fields import Currency, UUID7Key
from npa_market.parties.models import Organisation, User


class AccountKind(models.TextChoices):
    BANK = "bank", "Bank, client money"
    OWN_BANK = "own_bank", "Bank, the venue's own money"
    DEPOSITS = "deposits", "Deposits held"
    CLEARING = "clearing", "Purchase money in clearing"
    PAYABLE = "payable", "Payable to the party"
    FEES = "fees", "Fee income"
    TAX = "tax", "Tax on fees payable"


class Account(models.Model):
    """One account per kind, party (none for the venue's own) and currency."""

    id = UUID7Key()
    kind = models.CharField(max_length=10, choices=AccountKind)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT)
    currency = Currency()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "organisation", "currency"],
                name="one_account_per_kind_party_currency",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=AccountKind.values), name="account_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.organisation or 'venue'} · {self.currency}"


class JournalQuerySet(models.QuerySet["JournalEntry"]):
    def visible_to(self, user: User) -> Self:
        """Entries that touch an account of one's own institution; the venue sees all."""
        if user.works_for_venue:
            return self
        own = Posting.objects.filter(account__organisation__in=user.organisation_ids())
        return self.filter(pk__in=own.values("entry"))


class JournalEntry(models.Model):
    """A balanced set of postings; immutable, corrected by a reversal and a new entry (L1, L2)."""

    id = UUID7Key()
    seq = models.PositiveBigIntegerField(
        unique=True, help_text="1..n in the order of commit; what a cut-off of the books names"
    )
    reference = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    bank_reference = models.CharField(
        max_length=120, blank=True, help_text="line of the venue's bank statement"
    )
    booked_at = models.DateTimeField()
    # The ledger stands below auctions and transfers: it knows lots by key alone.
    lot_id = models.UUIDField(null=True, db_index=True)
    idempotency_key = models.CharField(max_length=120, unique=True)
    reverses = models.OneToOneField("self", null=True, on_delete=models.PROTECT)
    line_freed_by = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="reversal that took the earlier match of the same bank line back",
    )

    objects = JournalQuerySet.as_manager()

    class Meta:
        ordering = ["seq"]
        verbose_name_plural = "journal entries"
        constraints = [
            models.UniqueConstraint(
                fields=["bank_reference"],
                condition=~models.Q(bank_reference="") & models.Q(line_freed_by=None),
                name="L11_bank_line_booked_once",
            ),
            models.UniqueConstraint(
                fields=["line_freed_by"],
                condition=models.Q(line_freed_by__isnull=False),
                name="L11_bank_line_booked_again_once",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class PostingQuerySet(models.QuerySet["Posting"]):
    def visible_to(self, user: User) -> Self:
        """Lines of the entries that the user may open."""
        if user.works_for_venue:
            return self
        return self.filter(entry__in=JournalEntry.objects.visible_to(user))


class Posting(models.Model):
    """One side of an entry: positive = debit, negative = credit, minor units."""

    id = UUID7Key()
    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="postings")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="postings")
    amount_minor = models.BigIntegerField()

    objects = PostingQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount_minor=0), name="posting_is_not_zero")
        ]

    def __str__(self) -> str:
        return f"{self.entry} {self.amount_minor}"


class HoldState(models.TextChoices):
    HELD = "held", "Held"
    REFUNDED = "refunded", "Refunded"
    APPLIED = "applied", "Applied to the price"
    FORFEITED = "forfeited", "Forfeited"
    UNMATCHED = "unmatched", "Match taken back"


class HoldQuerySet(models.QuerySet["Hold"]):
    def visible_to(self, user: User) -> Self:
        """One's own deposits; the venue sees all."""
        return self if user.works_for_venue else self.filter(buyer__in=user.organisation_ids())

    def standing(self) -> Self:
        """Deposits that came in for their buyer and lot, not those of a wrong match."""
        return self.exclude(state=HoldState.UNMATCHED)


class Hold(models.Model):
    """A buyer's deposit for one lot; resolved exactly once (L3, L4)."""

    id = UUID7Key()
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="holds")
    lot_id = models.UUIDField(db_index=True)
    amount_minor = models.BigIntegerField()
    currency = Currency()
    state = models.CharField(max_length=10, choices=HoldState, default=HoldState.HELD)
    taken_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["buyer", "lot_id"],
                condition=~models.Q(state="unmatched"),
                name="L3_one_hold_per_buyer_lot",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_minor__gt=0), name="hold_amount_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=HoldState.values), name="hold_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state="held", resolved_at=None)
                | (~models.Q(state="held") & models.Q(resolved_at__isnull=False)),
                name="L4_hold_resolved_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.buyer} {self.amount_minor} {self.state}"
