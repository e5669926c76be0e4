"""Valuation runs: inputs by hash, results kept, each private to the institution that ran it."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.common.models import Job, StoredFile
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation, User


class ValuationState(models.TextChoices):
    QUEUED = "queued", "Queued"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class ValuationQuerySet(models.QuerySet["Valuation"]):
    def visible_to(self, user: User) -> Self:
        """Runs of one's own institution, nobody else's, the venue included."""
        return self.filter(organisation__in=user.organisation_ids())


class Valuation(models.Model):
    """One run over a sealed package; the same inputs give the same result file."""

    id = UUID7Key()
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="valuations")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    calibration_name = models.CharField(max_length=80)
    calibration_sha256 = Sha256()
    is_reference_calibration = models.BooleanField()
    terms = models.JSONField(
        help_text="horizon, rates, paths, seed, quantiles, channel and its costs, as hashed"
    )
    basis = models.CharField(max_length=10, help_text="what balances are: claim or principal")
    engine_version = models.CharField(max_length=20)
    inputs_sha256 = Sha256()
    state = models.CharField(max_length=10, choices=ValuationState, default=ValuationState.QUEUED)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    failure = models.CharField(max_length=500, blank=True)
    finished_at = models.DateTimeField(null=True)
    currency = Currency()
    mean_minor = models.BigIntegerField(null=True)
    sd_minor = models.BigIntegerField(null=True)
    q05_minor = models.BigIntegerField(null=True)
    q25_minor = models.BigIntegerField(null=True)
    q50_minor = models.BigIntegerField(null=True)
    q75_minor = models.BigIntegerField(null=True)
    q95_minor = models.BigIntegerField(null=True)
    price_minor = models.BigIntegerField(null=True)
    reserve_minor = models.BigIntegerField(
        null=True, help_text="value at the seller's own rate; in the seller's own runs only"
    )
    result_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )
    allocation_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = ValuationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "inputs_sha256"], name="valuation_computed_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ValuationState.values), name="valuation_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="done")
                | Q(
                    price_minor__isnull=False,
                    result_file__isnull=False,
                    allocation_file__isnull=False,
                ),
                name="valuation_done_has_result",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(failure=""), name="valuation_failed_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"valuation {self.inputs_sha256[:8]}"

    def get_absolute_url(self) -> str:
        return reverse("valuation:detail", args=[self.pk])

    @property
    def is_sellers_own(self) -> bool:
        """Run by the package's seller, so it may carry a reserve."""
        return self.organisation_id == self.package.seller_id

    @property
    def short_name(self) -> str:
        """`PKG-2026-0007 · 20.0 % · 4,096 paths`, to tell runs of one package apart."""
        rate, paths = self.terms["buyer_irr"] * 100, self.terms["paths"]
        inputs = self.inputs_sha256[:6]
        return f"{self.package.reference} · {rate:.1f} % · {paths:,} paths · {inputs}"
