"""The due-diligence report and the data room: who was admitted, what they opened."""

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q

from npa_market.common.clock import database_now
from npa_market.common.fields import Sha256, UUID7Key
from npa_market.common.models import StoredFile
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import Organisation, QualificationState, User
from npa_market.parties.roles import BUYER_ROLES, OrganisationKind
from npa_market.valuation.models import Valuation


def qualified_buyers_of(user: User) -> models.QuerySet[Organisation]:
    """Institutions the user works for as a buyer whose papers are in force today."""
    mine = [
        membership.organisation_id
        for membership in user.active_memberships
        if membership.role in BUYER_ROLES
    ]
    return Organisation.objects.filter(
        Q(qualified_until=None) | Q(qualified_until__gte=database_now().date()),
        pk__in=mine,
        kind=OrganisationKind.BUYER,
        qualification=QualificationState.QUALIFIED,
    )


def admitted_rooms(organisation_ids: set[UUID]) -> models.QuerySet["Admission"]:
    """Admissions in force of these buyers; one row per room and buyer."""
    return Admission.objects.filter(buyer__in=organisation_ids, revoked_at=None)


class DataRoomQuerySet(models.QuerySet["DataRoom"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and admitted buyers while their admission is in force."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        return self.filter(
            Q(package__seller__in=mine) | Q(pk__in=admitted_rooms(mine).values("room"))
        )

    def joinable_by(self, user: User) -> Self:
        """Open rooms that a qualified buyer of this user has not entered; none after a revocation.

        Such a buyer sees the announcement's totals and the text of the agreement, nothing else.
        """
        buyers = list(qualified_buyers_of(user))
        if not buyers:
            return self.none()
        open_rooms = self.filter(closed_at=None, package__state=PackageState.SEALED)
        entered = Admission.objects.filter(buyer__in=buyers).values("room")
        return open_rooms.exclude(pk__in=entered)


class DataRoom(models.Model):
    """Everything a qualified bidder may study about one sealed package."""

    id = UUID7Key()
    package = models.OneToOneField(Package, on_delete=models.PROTECT, related_name="data_room")
    nda = models.ForeignKey(
        StoredFile,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="the agreement as each buyer signs it, frozen when the room opened",
    )
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = DataRoomQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"data room of {self.package}"

    @property
    def is_open(self) -> bool:
        """Not closed, and its package neither withdrawn nor replaced."""
        return self.closed_at is None and self.package.state == PackageState.SEALED


class AdmissionQuerySet(models.QuerySet["Admission"]):
    def visible_to(self, user: User) -> Self:
        """A buyer sees its own; the seller and the venue see all of a room."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        return self.filter(Q(buyer__in=mine) | Q(room__package__seller__in=mine))


class Admission(models.Model):
    """A buyer's entry to a data room: the NDA signed, by whom, when, which text."""

    id = UUID7Key()
    room = models.ForeignKey(DataRoom, on_delete=models.PROTECT, related_name="admissions")
    buyer = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    nda_sha256 = Sha256(help_text="hash of the NDA text that was signed")
    signed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    signed_name = models.CharField(max_length=120, help_text="the name as typed under the text")
    signed_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    revoke_reason = models.CharField(max_length=300, blank=True)

    objects = AdmissionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["room", "buyer"], name="one_admission_per_buyer"),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False) & ~Q(revoke_reason=""),
                name="revocation_has_person_and_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.buyer} in {self.room}"


class ReportQuerySet(models.QuerySet["Report"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own, the venue, and buyers admitted to the data room."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        return self.filter(
            Q(package__seller__in=mine)
            | Q(package__data_room__in=admitted_rooms(mine).values("room"))
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


class RoomDocument(models.TextChoices):
    REPORT = "report", "Due-diligence report (PDF)"
    TAPE_CSV = "tape-csv", "Bidder tape (CSV)"
    TAPE_PARQUET = "tape-parquet", "Bidder tape (Parquet)"
    MANIFEST = "manifest", "Manifest (JSON)"
    TAPE_VALUED = "tape-valued", "Bidder tape (opened for valuation on the venue)"


DOWNLOADS = (
    RoomDocument.REPORT,
    RoomDocument.TAPE_CSV,
    RoomDocument.TAPE_PARQUET,
    RoomDocument.MANIFEST,
)


class AccessRecordQuerySet(models.QuerySet["AccessRecord"]):
    def visible_to(self, user: User) -> Self:
        """The seller and the venue see the log of a room; a buyer sees its own lines."""
        if user.works_for_venue:
            return self
        mine = user.organisation_ids()
        return self.filter(Q(organisation__in=mine) | Q(room__package__seller__in=mine))


class AccessRecord(models.Model):
    """Append-only: who took which document of a data room, for whom, and from which file.

    The key is printed in the copy itself, so that a copy that turns up elsewhere names its line.
    """

    id = UUID7Key()
    room = models.ForeignKey(DataRoom, on_delete=models.PROTECT, related_name="access_records")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    document = models.CharField(max_length=60, choices=RoomDocument)
    source_sha256 = Sha256(help_text="the stored file that the copy was made from")
    at = models.DateTimeField()

    objects = AccessRecordQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(document__in=RoomDocument.values), name="room_document_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.document} by {self.organisation}"
