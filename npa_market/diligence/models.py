"""The due-diligence report and the data room: who was admitted, what they opened."""

from typing import Self

from django.db import models
from django.db.models import Q

from npa_market.common.fields import Sha256, UUID7Key
from npa_market.common.models import StoredFile
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User
from npa_market.valuation.models import Valuation


class DataRoomQuerySet(models.QuerySet["DataRoom"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and admitted buyers while their admission is in force."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        admitted = Admission.objects.filter(buyer__in=mine, revoked_at=None).values("room")
        return self.filter(Q(package__seller__in=mine) | Q(pk__in=admitted))


class DataRoom(models.Model):
    """Everything a qualified bidder may study about one sealed package."""

    id = UUID7Key()
    package = models.OneToOneField(Package, on_delete=models.PROTECT, related_name="data_room")
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = DataRoomQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"data room of {self.package}"


class Admission(models.Model):
    """A buyer's entry to a data room: the NDA signed, by whom, when, which text."""

    id = UUID7Key()
    room = models.ForeignKey(DataRoom, on_delete=models.PROTECT, related_name="admissions")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    nda_sha256 = Sha256(help_text="hash of the NDA text that was signed")
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "buyer"], name="one_admission_per_buyer")
        ]

    def __str__(self) -> str:
        return f"{self.buyer} in {self.room}"


class ReportQuerySet(models.QuerySet["Report"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and buyers admitted to the data room."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        admitted = Admission.objects.filter(buyer__in=mine, revoked_at=None)
        return self.filter(
            Q(package__seller__in=mine) | Q(package__data_room__in=admitted.values("room"))
        )


class Report(models.Model):
    """A due-diligence report over a sealed package and a valuation, as PDF."""

    id = UUID7Key()
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="reports")
    valuation = models.ForeignKey(Valuation, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    pages = models.PositiveSmallIntegerField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["package", "valuation"], name="one_report_per_valuation"
            )
        ]

    def __str__(self) -> str:
        return f"report on {self.package}"


class AccessRecord(models.Model):
    """Append-only: who opened which document of a data room, in which form."""

    id = UUID7Key()
    room = models.ForeignKey(DataRoom, on_delete=models.PROTECT, related_name="access_records")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    document = models.CharField(max_length=60)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.document} by {self.organisation}"
