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
    CANCELLED = "cancelled", "Cancelled"


class TapeForm(models.TextChoices):
    """In which form the rows of the sealed package were read."""

    SEALED = "sealed", "sealed file"
    BIDDER = "bidder", "bidder tape of the data room"


class FitSource(models.TextChoices):
    FILE = "file", "uploaded history"
    PACKAGE = "package", "receipts of a sealed package"


class FitQuerySet(models.QuerySet["Fit"]):
    def visible_to(self, user: User) -> Self:
        """Calibrations of one's own institution, nobody else's, the venue included."""
        return self.filter(organisation__in=user.organisation_ids())


class Fit(models.Model):
    """A calibration fitted to an institution's own history, kept by its hash."""

    id = UUID7Key()
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=80)
    source = models.CharField(max_length=10, choices=FitSource)
    history_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )
    file_name = models.CharField(max_length=200, blank=True)
    package = models.ForeignKey(Package, null=True, on_delete=models.PROTECT, related_name="+")
    currency = Currency()
    basis = models.CharField(max_length=10, help_text="what balances of the history are")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=ValuationState, default=ValuationState.QUEUED)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    failure = models.CharField(max_length=500, blank=True)
    finished_at = models.DateTimeField(null=True)
    file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+", help_text="its JSON"
    )
    content_hash = Sha256(blank=True, help_text="hash of the calibration as fitted")
    triangle = models.JSONField(
        default=dict, help_text="cumulative receipts over balances by cohort at some ages"
    )
    left_out = models.JSONField(
        default=list, help_text="what of the source the history could not use, in words"
    )

    objects = FitQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "calibration"
        constraints = [
            models.UniqueConstraint(fields=["organisation", "title"], name="fit_title_once"),
            models.CheckConstraint(
                condition=Q(state__in=ValuationState.values), name="fit_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | (Q(file__isnull=False) & ~Q(content_hash="")),
                name="fit_done_has_calibration",
            ),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(failure=""), name="fit_failed_says_why"
            ),
            models.CheckConstraint(
                condition=Q(source="file", history_file__isnull=False, package=None)
                | Q(source="package", package__isnull=False, history_file=None),
                name="fit_has_one_source",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("valuation:fit", args=[self.pk])


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
    fit = models.ForeignKey(
        Fit, null=True, on_delete=models.PROTECT, related_name="+", help_text="none = a reference"
    )
    calibration_name = models.CharField(max_length=80)
    calibration_sha256 = Sha256()
    is_reference_calibration = models.BooleanField()
    terms = models.JSONField(
        help_text="horizon, rates, paths, seed, quantiles, channel and its costs, as hashed"
    )
    tape = models.CharField(max_length=10, choices=TapeForm, default=TapeForm.SEALED)
    basis = models.CharField(max_length=10, help_text="what balances are: claim or principal")
    engine_version = models.CharField(max_length=20)
    inputs_sha256 = Sha256()
    state = models.CharField(max_length=10, choices=ValuationState, default=ValuationState.QUEUED)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    dispatched_at = models.DateTimeField(null=True, help_text="when its shards were last sent out")
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
            models.CheckConstraint(
                condition=Q(tape__in=TapeForm.values), name="valuation_tape_known"
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
        """`PKG-2026-0007 · 20.0 % · 4,096 paths`, to tell runs of one package apart; a level of
        payments other than the calibration's is named."""
        rate, paths = self.terms["buyer_irr"] * 100, self.terms["paths"]
        inputs = self.inputs_sha256[:6]
        level = f" · level {self.level * 100:.0f} %" if self.level != 1 else ""
        return f"{self.package.reference} · {rate:.1f} %{level} · {paths:,} paths · {inputs}"

    @property
    def fit_sha256(self) -> str:
        """Hash of the fitted calibration's file, which anybody of the institution can take; where
        it knows a calendar, the run's own calibration is that one started at the cut-off date."""
        return self.fit.content_hash if self.fit is not None else ""

    @property
    def level(self) -> float:
        """The level of payments that was asked for, 1 = the calibration's."""
        return float(self.terms.get("level", 1.0))


class ShardState(models.TextChoices):
    OPEN = "open", "Open"
    CLAIMED = "claimed", "Being computed"
    DONE = "done", "Done"


class ValuationShard(models.Model):
    """Some blocks of a run: claimed by one worker at a time, kept until the run is joined."""

    id = UUID7Key()
    valuation = models.ForeignKey(Valuation, on_delete=models.CASCADE, related_name="shards")
    first_block = models.PositiveIntegerField()
    end_block = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=ShardState, default=ShardState.OPEN)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, help_text="last sign of life of its worker")
    content = models.BinaryField(null=True, help_text="the part, until the run is joined")

    class Meta:
        ordering = ["valuation", "first_block"]
        constraints = [
            models.UniqueConstraint(
                fields=["valuation", "first_block"], name="valuation_shard_once"
            ),
            models.CheckConstraint(
                condition=Q(first_block__lt=models.F("end_block")),
                name="valuation_shard_has_blocks",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ShardState.values), name="valuation_shard_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"blocks {self.first_block}:{self.end_block} of {self.valuation_id}"

    @property
    def blocks(self) -> range:
        """Blocks of 256 paths that this shard holds."""
        return range(self.first_block, self.end_block)


class ScenarioQuerySet(models.QuerySet["Scenario"]):
    def visible_to(self, user: User) -> Self:
        """Scenarios on runs of one's own institution."""
        return self.filter(valuation__organisation__in=user.organisation_ids())


class Scenario(models.Model):
    """Named assumptions beside a finished run, repriced on the screen. Deleted ones can return."""

    id = UUID7Key()
    valuation = models.ForeignKey(Valuation, on_delete=models.CASCADE, related_name="scenarios")
    name = models.CharField(max_length=60)
    terms = models.JSONField(help_text="as the run's terms, with the level of payments")
    price_minor = models.BigIntegerField(help_text="as repriced when it was saved")
    q05_minor = models.BigIntegerField()
    q95_minor = models.BigIntegerField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects = ScenarioQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["valuation", "name"],
                condition=Q(deleted_at=None),
                name="scenario_name_once_per_run",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="scenario_has_name"),
        ]

    def __str__(self) -> str:
        return self.name
