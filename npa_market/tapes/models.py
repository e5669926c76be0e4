"""A seller's file as received, its import, and the clean loans that came of it."""

from typing import Self

from django.db import models
from django.urls import reverse

from npa_market.common.fields import Currency, Sha256, UUID7Key
from npa_market.common.models import Job, StoredFile
from npa_market.parties.models import Organisation, User


class TapeState(models.TextChoices):
    UPLOADED = "uploaded", "Uploaded"
    IMPORTING = "importing", "Importing"
    TO_CONFIRM = "to_confirm", "To confirm"
    IMPORTED = "imported", "Imported"
    DISCARDED = "discarded", "Discarded"
    FAILED = "failed", "Failed"


class TapeQuerySet(models.QuerySet["Tape"]):
    def visible_to(self, user: User) -> Self:
        """Only the seller's own staff ever see a tape."""
        return self.filter(seller__in=user.organisation_ids())


class SellerMappingQuerySet(models.QuerySet["SellerMapping"]):
    def visible_to(self, user: User) -> Self:
        """A seller's own mappings."""
        return self.filter(seller__in=user.organisation_ids())

    def newest(self) -> Self:
        """The last version of each mapping."""
        later = SellerMapping.objects.filter(
            seller=models.OuterRef("seller"),
            name=models.OuterRef("name"),
            version__gt=models.OuterRef("version"),
        )
        return self.filter(~models.Exists(later))


class SellerMapping(models.Model):
    """One version of a mapping that a seller saved; a change is a new version."""

    id = UUID7Key()
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="mappings")
    name = models.SlugField(max_length=40)
    version = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=80)
    document = models.JSONField(help_text="the mapping as data, see docs/tapes.md")
    header = models.JSONField(help_text="column names of the file it was made for")
    fingerprint = Sha256(help_text="SHA-256 of the folded column names, in order of the alphabet")
    layout = models.JSONField(default=dict, help_text="how its files are read, where stated")
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    objects = SellerMappingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["seller", "fingerprint"], name="mapping_by_fingerprint")]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "name", "version"], name="mapping_version_once"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        """The mapping's page."""
        return reverse("tapes:mapping", args=[self.pk])

    @property
    def reference(self) -> str:
        """`cards@3`: what a tape and the API name."""
        return f"{self.name}@{self.version}"


class UploadState(models.TextChoices):
    RECEIVING = "receiving", "Receiving"
    RECEIVED = "received", "To be mapped"
    USED = "used", "Imported as a tape"
    DISCARDED = "discarded", "Discarded"


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, user: User) -> Self:
        """Only the seller's own staff ever see a file."""
        return self.filter(seller__in=user.organisation_ids())


class Upload(models.Model):
    """A file on its way in: chunk by chunk, then complete and to be mapped, then a tape."""

    id = UUID7Key()
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="uploads")
    file_name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField(help_text="bytes, as declared at the start")
    received = models.PositiveBigIntegerField(default=0)
    parts = models.JSONField(default=list, help_text="names of the received chunks, in order")
    state = models.CharField(max_length=10, choices=UploadState, default=UploadState.RECEIVING)
    file = models.ForeignKey(StoredFile, null=True, on_delete=models.PROTECT, related_name="+")
    tape = models.ForeignKey(
        "tapes.Tape", null=True, on_delete=models.PROTECT, related_name="uploads"
    )
    currency = Currency()
    cut_off_date = models.DateField()
    layout = models.JSONField(default=dict, help_text="how the file is read, where stated")
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    touched_at = models.DateTimeField(help_text="last sign of life; the sweeper looks at it")

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=UploadState.values), name="upload_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(received__lte=models.F("size")), name="upload_within_its_size"
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        """The workbench on this file."""
        return reverse("tapes:workbench", args=[self.pk])


class Tape(models.Model):
    """The file as received (kept by content hash) and the state and result of its import."""

    id = UUID7Key()
    reference = models.CharField(max_length=20, unique=True)
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="tapes")
    file_name = models.CharField(max_length=200)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    mapping = models.CharField(max_length=60, help_text="name of the mapping")
    saved_mapping = models.ForeignKey(
        SellerMapping, null=True, on_delete=models.PROTECT, related_name="tapes"
    )
    stated_layout = models.JSONField(
        default=dict, help_text="how the file is read where people overruled what was sniffed"
    )
    member = models.CharField(
        max_length=200, blank=True, help_text="file or table inside the file that is read"
    )
    sheet = models.CharField(max_length=200, blank=True, help_text="sheet that is read")
    currency = Currency()
    cut_off_date = models.DateField()
    state = models.CharField(max_length=10, choices=TapeState, default=TapeState.UPLOADED)
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    rows_read = models.PositiveIntegerField(default=0)
    rows_imported = models.PositiveIntegerField(default=0)
    rows_rejected = models.PositiveIntegerField(default=0)
    control_totals = models.JSONField(default=dict, help_text="sums per money column, minor units")
    completeness = models.JSONField(default=list, help_text="per field: filled, missing, invalid")
    findings = models.JSONField(default=list, help_text="per rule: id, severity, words, count")
    rejects_file = models.ForeignKey(
        StoredFile, null=True, on_delete=models.PROTECT, related_name="+"
    )
    found_file = models.ForeignKey(
        StoredFile,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="every row of every finding, personal values masked",
    )
    failure = models.CharField(max_length=500, blank=True)
    layout = models.JSONField(
        default=dict, help_text="how the file was read: encoding, delimiter, header row, columns"
    )
    attempt = models.PositiveSmallIntegerField(
        default=0, help_text="fencing token: an older run of the import may write nothing more"
    )
    committed_row = models.PositiveIntegerField(
        default=0, help_text="rows up to this one are in the tables; a new run goes on after it"
    )
    confirmed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    objects = TapeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "file", "mapping", "cut_off_date", "member", "sheet"],
                name="tape_imported_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=TapeState.values), name="tape_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(rows_read=models.F("rows_imported") + models.F("rows_rejected")),
                name="tape_rows_add_up",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def get_absolute_url(self) -> str:
        """The tape's page."""
        return reverse("tapes:detail", args=[self.pk])


class Borrower(models.Model):
    """A debtor of one seller. Identifying values are encrypted; the blind index finds repeats."""

    id = UUID7Key()
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    blind_index = Sha256(help_text="HMAC-SHA256 of the ID number, or of the seller's own key")
    name_sealed = models.TextField(blank=True)
    id_number_sealed = models.TextField(blank=True)
    mobile_sealed = models.TextField(blank=True)
    sex = models.CharField(max_length=1, blank=True)
    birth_year = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "blind_index"], name="borrower_once_per_seller"
            )
        ]

    def __str__(self) -> str:
        return f"borrower {self.pk}"


class LitigationStatus(models.TextChoices):
    NOT_SUED = "not_sued", "Not sued"
    IN_SUIT = "in_suit", "In suit"
    MEDIATED = "mediated", "Mediated"
    JUDGED = "judged", "Judged, not enforced"
    ENFORCING = "enforcing", "Enforcing"
    ENDED_FOR_NOW = "ended_for_now", "Enforcement ended for now"
    TERMINATED = "terminated", "Enforcement terminated"


class LoanStatus(models.TextChoices):
    """`live`, or the hit of the pre-sale screen that takes a loan's value away."""

    LIVE = "live", "Live"
    DECEASED = "deceased", "Deceased"
    BANKRUPT = "bankrupt", "Bankrupt or clearing personal debt"
    TIME_BARRED = "time_barred", "Time-barred"
    DISPUTED = "disputed", "Open dispute or complaint"
    FRAUD = "fraud", "Fraud or identity theft"
    SETTLED = "settled", "Paid or settled"


class LoanQuerySet(models.QuerySet["Loan"]):
    def visible_to(self, user: User) -> Self:
        """Live loan rows are the seller's alone; others read the sealed package."""
        return self.imported().filter(tape__seller__in=user.organisation_ids())

    def imported(self) -> Self:
        """Loans of complete imports; rows of a running or broken import do not exist for anyone."""
        return self.filter(tape__state=TapeState.IMPORTED)


class Loan(models.Model):
    """One clean, charged-off loan as of the tape's cut-off date."""

    id = UUID7Key()
    tape = models.ForeignKey(Tape, on_delete=models.PROTECT, related_name="loans")
    borrower = models.ForeignKey(Borrower, on_delete=models.PROTECT, related_name="loans")
    row_number = models.PositiveIntegerField(help_text="row of the tape, header = 1")
    loan_number = models.CharField(max_length=80, help_text="the seller's own reference")
    product = models.CharField(max_length=60, blank=True)
    currency = Currency()
    principal_minor = models.BigIntegerField()
    interest_minor = models.BigIntegerField(default=0)
    fees_minor = models.BigIntegerField(default=0)
    claim_minor = models.BigIntegerField(help_text="principal + interest + fees")
    original_amount_minor = models.BigIntegerField(null=True)
    credit_line_minor = models.BigIntegerField(null=True)
    annual_rate_bp = models.PositiveIntegerField(null=True, help_text="1/100 of a percent")
    term_months = models.PositiveSmallIntegerField(null=True)
    instalments_paid = models.PositiveSmallIntegerField(null=True)
    origination_date = models.DateField(null=True)
    default_date = models.DateField(null=True)
    charge_off_date = models.DateField(null=True)
    last_payment_date = models.DateField(null=True)
    days_overdue = models.PositiveIntegerField(null=True)
    grade = models.CharField(max_length=20, blank=True, help_text="five-class or seller's grade")
    province = models.CharField(max_length=40, blank=True)
    city = models.CharField(max_length=60, blank=True)
    litigation_status = models.CharField(
        max_length=14, choices=LitigationStatus, default=LitigationStatus.NOT_SUED
    )
    is_reachable = models.BooleanField(null=True)
    last_contact_date = models.DateField(null=True)
    prior_placements = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=12, choices=LoanStatus, default=LoanStatus.LIVE)
    received_minor = models.BigIntegerField(default=0, help_text="gross cash after charge-off")
    collection_cost_minor = models.BigIntegerField(default=0, help_text="kept by collectors")

    objects = LoanQuerySet.as_manager()

    class Meta:
        ordering = ["row_number"]
        indexes = [models.Index(fields=["tape", "row_number"], name="loan_rows_of_tape")]
        constraints = [
            models.UniqueConstraint(fields=["tape", "loan_number"], name="loan_once_per_tape"),
            models.CheckConstraint(
                condition=models.Q(
                    claim_minor=models.F("principal_minor")
                    + models.F("interest_minor")
                    + models.F("fees_minor")
                ),
                name="claim_parts_add_up",
            ),
            models.CheckConstraint(
                condition=models.Q(principal_minor__gte=0)
                & models.Q(interest_minor__gte=0)
                & models.Q(fees_minor__gte=0)
                & models.Q(claim_minor__gt=0),
                name="claim_parts_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.loan_number}"


class Receipt(models.Model):
    """Cash received on a loan after charge-off, by month where the tape has months."""

    id = models.BigAutoField(primary_key=True)
    loan = models.ForeignKey(Loan, on_delete=models.CASCADE, related_name="receipts")
    month = models.DateField(null=True, help_text="first day; null = undated total of the tape")
    gross_minor = models.BigIntegerField()
    cost_minor = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["loan", "month"]
        constraints = [
            models.UniqueConstraint(fields=["loan", "month"], name="one_receipt_per_month"),
            models.UniqueConstraint(
                fields=["loan"], condition=models.Q(month=None), name="one_undated_receipt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month} {self.gross_minor}"


# Tables of their own modules, which Django finds through this one.
from npa_market.tapes import history_models, personal_models  # noqa: E402, F401
