"""What stands beside packages: saved criteria, lists of picked loans, exports of a sealed file."""

from typing import Self

from django.db import models
from django.db.models import Q

from npa_market.common.fields import Currency, UUID7Key
from npa_market.common.models import Job, StoredFile
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User


class SavedCriteriaQuerySet(models.QuerySet["SavedCriteria"]):
    def visible_to(self, user: User) -> Self:
        """Only the seller's own staff."""
        return self.filter(seller__in=user.organisation_ids())


class LoanListQuerySet(models.QuerySet["LoanList"]):
    def visible_to(self, user: User) -> Self:
        """Only the seller's own staff."""
        return self.filter(seller__in=user.organisation_ids())


class SavedCriteria(models.Model):
    """Criteria under a name, to be used again; amounts are minor units of `currency`."""

    id = UUID7Key()
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    currency = Currency()
    document = models.JSONField(help_text="where and disclose, as in a package's criteria")
    saved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    saved_at = models.DateTimeField()

    objects = SavedCriteriaQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="criteria_name_once_per_seller")
        ]

    def __str__(self) -> str:
        return self.name


class LoanList(models.Model):
    """Loans that the optimiser or a split picked; criteria name it, it never changes."""

    id = UUID7Key()
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(
        StoredFile, on_delete=models.PROTECT, related_name="+", help_text="sorted 16-byte keys"
    )
    loans = models.PositiveIntegerField()
    words = models.CharField(max_length=500, help_text="how they were picked")
    outcome = models.JSONField(default=dict, help_text="target, bound, gap, limits; or balance")
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    objects = LoanListQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.loans} loans: {self.words}"


class ExportForm(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel workbook"
    PARQUET = "parquet", "Parquet"
    EBA = "eba", "EBA NPL templates (CSV)"


class ExportQuerySet(models.QuerySet["PackageExport"]):
    def visible_to(self, user: User) -> Self:
        """Each institution its own exports, while it may read the package."""
        packages = Package.objects.visible_to(user)
        return self.filter(organisation__in=user.organisation_ids(), package__in=packages)


class PackageExport(models.Model):
    """One export of a sealed package for one institution, made by a worker and kept."""

    id = UUID7Key()
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="exports")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    form = models.CharField(max_length=8, choices=ExportForm)
    is_bidder_form = models.BooleanField(help_text="generalised, as admitted bidders may see it")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    file = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["package", "organisation", "form", "is_bidder_form"],
                name="one_export_per_form_and_reader",
            ),
            models.CheckConstraint(
                condition=Q(form__in=ExportForm.values), name="export_form_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.package} as {self.form}"

    @property
    def file_name(self) -> str:
        """The name under which it is downloaded: tells the bidder's form from the seller's."""
        ending = "zip" if self.form == ExportForm.EBA else self.form
        return f"{self.package.reference}{'-bidder' if self.is_bidder_form else ''}.{ending}"
