"""What happened to the loans of a tape: payments, contacts, legal steps, placements, papers."""

from typing import Any, Self

from django.db import models

from npa_market.common.fields import UUID7Key
from npa_market.common.models import Job, StoredFile
from npa_market.parties.models import User


class HistoryKind(models.TextChoices):
    PAYMENTS = "payments", "Payments"
    CONTACTS = "contacts", "Contact log"
    LEGAL = "legal", "Legal steps"
    PLACEMENTS = "placements", "Agency placements"
    COMPLAINTS = "complaints", "Complaints"
    DOCUMENTS = "documents", "Documents"


class HistoryState(models.TextChoices):
    WAITING = "waiting", "Columns to be named"
    UPLOADED = "uploaded", "Uploaded"
    IMPORTING = "importing", "Importing"
    IMPORTED = "imported", "Imported"
    REMOVED = "removed", "Removed"
    FAILED = "failed", "Failed"


class HistoryQuerySet(models.QuerySet["HistoryFile"]):
    def visible_to(self, user: User) -> Self:
        """Only the seller's own staff."""
        return self.filter(tape__seller__in=user.organisation_ids())


class HistoryFile(models.Model):
    """One file of one kind of history, attached to the loans of a tape by their loan number."""

    id = UUID7Key()
    tape = models.ForeignKey("tapes.Tape", on_delete=models.PROTECT, related_name="histories")
    kind = models.CharField(max_length=10, choices=HistoryKind)
    file_name = models.CharField(max_length=200)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    part = models.CharField(
        max_length=200, blank=True, help_text="sheet or member that was asked for; empty = as found"
    )
    layout = models.JSONField(default=dict, help_text="how people said that it is read")
    columns = models.JSONField(
        default=dict, help_text="field: header, as people said; empty = not in the file"
    )
    state = models.CharField(max_length=10, choices=HistoryState, default=HistoryState.UPLOADED)
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    attempt = models.PositiveSmallIntegerField(default=0, help_text="fencing token, as of a tape")
    rows_read = models.PositiveIntegerField(default=0)
    rows_imported = models.PositiveIntegerField(default=0)
    rows_rejected = models.PositiveIntegerField(default=0)
    loans = models.PositiveIntegerField(default=0, help_text="loans that have at least one row")
    totals = models.JSONField(default=dict, help_text="sum per money column, minor units")
    findings = models.JSONField(default=list)
    rejects_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )
    failure = models.CharField(max_length=500, blank=True)

    objects = HistoryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tape", "kind", "file", "part"], name="history_taken_in_once"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=HistoryKind.values), name="history_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=HistoryState.values), name="history_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(rows_read=models.F("rows_imported") + models.F("rows_rejected")),
                name="history_rows_add_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.tape}"

    @property
    def is_waiting(self) -> bool:
        """Must somebody say which column is which field?"""
        return self.state == HistoryState.WAITING

    @property
    def named_columns(self) -> list[tuple[str, str]]:
        """Titles of the fields whose columns people named, and the headers."""
        from npa_market.tapes.history_layouts import LAYOUTS  # Loads pandas; it knows this module.

        fields = (column.field for column in LAYOUTS[self.kind])
        return [
            (each.title, self.columns[each.name]) for each in fields if each.name in self.columns
        ]


class HistoryRowQuerySet(models.QuerySet[Any]):
    def imported(self) -> Self:
        """Rows of files that were taken in completely."""
        return self.filter(source__state=HistoryState.IMPORTED)


class HistoryRow(models.Model):
    """A row of a history file on one loan; `on` is its day."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(HistoryFile, on_delete=models.CASCADE, related_name="+")
    loan = models.ForeignKey("tapes.Loan", on_delete=models.CASCADE, related_name="%(class)ss")
    on = models.DateField()

    objects = HistoryRowQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["on", "id"]


class Payment(HistoryRow):
    """Money received (negative: taken back), before or after charge-off."""

    gross_minor = models.BigIntegerField()
    cost_minor = models.BigIntegerField(default=0)
    channel = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return f"{self.on} {self.gross_minor}"


class Contact(HistoryRow):
    """One attempt to reach the borrower or a third person. Names and numbers are never kept."""

    at = models.CharField(max_length=8, blank=True, help_text="HH:MM or HH:MM:SS, debtor's zone")
    channel = models.CharField(max_length=20)
    person = models.CharField(max_length=10, blank=True, help_text="own, third")
    is_answered = models.BooleanField(null=True)
    is_right_party = models.BooleanField(null=True)
    talk_seconds = models.PositiveIntegerField(null=True)
    agency = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return f"{self.on} {self.channel}"


class LegalStep(HistoryRow):
    """A step of a lawsuit, mediation or enforcement on the loan."""

    stage = models.CharField(max_length=14, help_text="as the litigation status of a loan")
    court = models.CharField(max_length=80, blank=True)
    court_level = models.CharField(max_length=20, blank=True)
    case_number = models.CharField(max_length=80, blank=True)
    amount_minor = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.on} {self.stage}"


class Placement(HistoryRow):
    """The loan with a collection agency from `on` to `until`."""

    until = models.DateField(null=True)
    agency = models.CharField(max_length=80)
    commission_bp = models.PositiveIntegerField(null=True)
    received_minor = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.on} {self.agency}"


class Complaint(HistoryRow):
    """A complaint or dispute of the borrower."""

    channel = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=120)
    outcome = models.CharField(max_length=20, blank=True, help_text="open, substantiated, rejected")
    closed_on = models.DateField(null=True)

    def __str__(self) -> str:
        return f"{self.on} {self.outcome}"


class DocumentLine(HistoryRow):
    """One line of the documents checklist: which paper, and in which form it is there."""

    document = models.CharField(max_length=40)
    availability = models.CharField(max_length=10, help_text="original, copy, missing")
    note = models.CharField(max_length=120, blank=True)

    def __str__(self) -> str:
        return f"{self.document} {self.availability}"


ROWS_OF_KIND: dict[str, type[HistoryRow]] = {
    HistoryKind.PAYMENTS: Payment,
    HistoryKind.CONTACTS: Contact,
    HistoryKind.LEGAL: LegalStep,
    HistoryKind.PLACEMENTS: Placement,
    HistoryKind.COMPLAINTS: Complaint,
    HistoryKind.DOCUMENTS: DocumentLine,
}
