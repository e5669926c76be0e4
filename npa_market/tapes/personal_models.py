"""Tables around personal data: keys of each tape's identities, and who read which of them."""

from typing import Self

from django.db import models

from npa_market.common.fields import UUID7Key
from npa_market.parties.models import Organisation, User


class DataKey(models.Model):
    """The key under which a tape's borrowers are sealed, itself sealed under the venue's key.

    Erased, it leaves a row without a key: what was sealed with it never opens again.
    """

    id = UUID7Key()
    tape = models.OneToOneField("tapes.Tape", on_delete=models.PROTECT, related_name="data_key")
    wrapped = models.TextField(blank=True, help_text="sealed under NPA_VAULT_KEY; empty = erased")
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(erased_at=None, wrapped__gt="")
                | models.Q(erased_at__isnull=False, wrapped=""),
                name="data_key_is_there_or_erased",
            )
        ]

    def __str__(self) -> str:
        return f"data key {self.pk}"


class AccessForm(models.TextChoices):
    REVEAL = "reveal", "Shown in full"
    REJECTS = "rejects", "Rejected rows, in full"
    DELIVERY = "delivery", "Delivery file"


class PersonalAccessQuerySet(models.QuerySet["PersonalAccess"]):
    def visible_to(self, user: User) -> Self:
        """The seller whose borrowers they are, and its own staff alone."""
        return self.filter(seller__in=user.organisation_ids())


class PersonalAccess(models.Model):
    """Append-only: who read which personal fields, of how many people, why and in which form.

    Names no value. `loan` is the key of the loan looked at, none for a whole file.
    """

    id = UUID7Key()
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    tape = models.ForeignKey("tapes.Tape", on_delete=models.PROTECT, related_name="accesses")
    loan = models.UUIDField(null=True)
    people = models.PositiveIntegerField(default=1)
    fields = models.CharField(max_length=200, help_text="names of the dictionary, comma apart")
    form = models.CharField(max_length=10, choices=AccessForm)
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    objects = PersonalAccessQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["user", "form", "at"], name="accesses_of_a_person")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(form__in=AccessForm.values), name="access_form_known"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="access_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.form} by {self.user_id}"
