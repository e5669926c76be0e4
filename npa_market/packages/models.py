"""A seller's package and its versions; a sealed version never changes."""

from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.common.models import Job, StoredFile
from npa_market.parties.models import Organisation, User
from npa_market.tapes.models import Loan


class PackageState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SCREENED = "screened", "Screened"
    SEALED = "sealed", "Sealed"
    REPLACED = "replaced", "Replaced by a new version"
    WITHDRAWN = "withdrawn", "Withdrawn"


class PackageQuerySet(models.QuerySet["Package"]):
    def visible_to(self, user: User) -> Self:
        """The seller's own; sealed ones to buyers admitted to the data room; the venue once sealed.

        A package that was withdrawn or replaced is no buyer's to read.
        """
        own = Q(seller__in=user.organisation_ids())
        admitted = Exists(PackageReader.objects.in_force(user).filter(package=OuterRef("pk")))
        seen = own | Q(admitted, state=PackageState.SEALED)
        if user.works_for_venue:
            seen |= Q(sealed_at__isnull=False)
        return self.filter(seen)


class Package(models.Model):
    """A frozen list of loans once sealed; until then a draft with criteria."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="packages")
    title = models.CharField(max_length=200)
    currency = Currency()
    cut_off_date = models.DateField()
    version = models.PositiveSmallIntegerField(default=1)
    previous = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="successors"
    )
    state = models.CharField(max_length=10, choices=PackageState, default=PackageState.DRAFT)
    criteria = models.JSONField(default=dict)
    screen_results = models.JSONField(default=list, help_text="per screen rule: words, hits")
    screened_at = models.DateTimeField(null=True)
    overview = models.JSONField(
        default=dict, help_text="stratifications, completeness, weighted means of the loans"
    )
    selection_sha256 = Sha256(
        blank=True, help_text="hash over the keys of the loans that passed the screen"
    )
    transfer_basis = models.CharField(
        max_length=300, blank=True, help_text="the seller's legal basis of the transfer"
    )
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    edited_by = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", help_text="last change"
    )
    loans = models.PositiveIntegerField(default=0)
    borrowers = models.PositiveIntegerField(default=0)
    principal_minor = models.BigIntegerField(default=0)
    interest_minor = models.BigIntegerField(default=0)
    fees_minor = models.BigIntegerField(default=0)
    claim_minor = models.BigIntegerField(default=0)
    sealed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    sealed_at = models.DateTimeField(null=True)
    file = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    manifest_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )
    tree_file = models.ForeignKey(
        StoredFile,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="every level of the Merkle tree, leaves first, 32 bytes a node",
    )
    merkle_root = Sha256(blank=True)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    end_reason = models.CharField(max_length=500, blank=True, help_text="why it was withdrawn")

    objects = PackageQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=PackageState.values), name="package_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="sealed")
                | (Q(file__isnull=False) & ~Q(merkle_root="") & Q(sealed_at__isnull=False)),
                name="O3_sealed_package_has_content",
            ),
            models.CheckConstraint(
                condition=Q(sealed_by=None)
                | ~Q(sealed_by=F("created_by"))
                & (Q(edited_by=None) | ~Q(sealed_by=F("edited_by"))),
                name="T6_sealer_did_not_build",
            ),
            models.CheckConstraint(
                condition=~Q(state="withdrawn") | ~Q(end_reason=""),
                name="package_withdrawn_with_reason",
            ),
            models.UniqueConstraint(
                fields=["previous"],
                condition=~Q(state="withdrawn"),
                name="one_next_version_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        return reverse("packages:detail", kwargs={"package_id": self.pk})

    @property
    def is_open(self) -> bool:
        """May it still be changed?"""
        return self.state in {PackageState.DRAFT, PackageState.SCREENED}

    @property
    def content_sha256(self) -> str:
        """Hash of the sealed Parquet file; empty before sealing."""
        return self.file_id or ""


class PackageLoan(models.Model):
    """A chosen loan. `is_live` is false once the package is withdrawn or replaced."""

    id = models.BigAutoField(primary_key=True)
    # No index of their own: two of the unique ones begin with them, and a million rows are sealed
    # at once.
    package = models.ForeignKey(
        Package, on_delete=models.PROTECT, related_name="members", db_index=False
    )
    loan = models.ForeignKey(
        Loan, on_delete=models.PROTECT, related_name="memberships", db_index=False
    )
    token = models.CharField(max_length=32, help_text="per-package HMAC of the loan's key")
    position = models.PositiveIntegerField(help_text="row of the sealed file = Merkle leaf, from 0")
    is_live = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["loan", "package"], name="loan_once_per_package"),
            models.UniqueConstraint(fields=["package", "token"], name="token_once_per_package"),
            models.UniqueConstraint(
                fields=["loan"], condition=Q(is_live=True), name="O2_loan_in_one_live_package"
            ),
        ]

    def __str__(self) -> str:
        return self.token


class PackageReaderQuerySet(models.QuerySet["PackageReader"]):
    def in_force(self, user: User) -> Self:
        """What the institutions of the person may read."""
        return self.filter(reader__in=user.organisation_ids(), revoked_at=None)


class PackageReader(models.Model):
    """An institution that may read a sealed package; written by the data room's admissions."""

    id = UUID7Key()
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="readers")
    reader = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = PackageReaderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["package", "reader"], name="one_reader_per_package")
        ]

    def __str__(self) -> str:
        return f"{self.reader} reads {self.package}"


from npa_market.packages.saved import (  # noqa: E402 - models of this app, in their own module
    LoanList,
    PackageExport,
    SavedCriteria,
)

__all__ = [
    "LoanList",
    "Package",
    "PackageExport",
    "PackageLoan",
    "PackageReader",
    "PackageState",
    "SavedCriteria",
]
