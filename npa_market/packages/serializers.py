"""What the API of packages says and takes."""

from typing import Any, cast

from rest_framework import serializers

from npa_market.packages.bidder_screen import findings_for_others
from npa_market.packages.criteria import read_criteria
from npa_market.packages.models import Package, PackageExport, SavedCriteria
from npa_market.packages.picking import DIMENSIONS, MAX_LIMITS, MEASURES
from npa_market.packages.saved import ExportForm
from npa_market.packages.splitting import MAX_PARTS
from npa_market.packages.statements import seen_sha256
from npa_market.packages.wording import sentence
from npa_market.parties.models import User


class PackageSerializer(serializers.ModelSerializer):
    """One version of a package; money in minor units of `currency`.

    The criteria's document is the seller's, others get null and read the sentence.
    """

    seller_name = serializers.CharField(source="seller.name", read_only=True)
    sentence = serializers.SerializerMethodField(help_text="the criteria in words")
    criteria = serializers.SerializerMethodField()
    seen_sha256 = serializers.SerializerMethodField(
        help_text="of all that is to be sealed; name it to seal. The seller's people alone have it"
    )

    renumbered = serializers.SerializerMethodField(
        help_text="loans that the screen took out as sold, or in another live package, under "
        "another number: `rule`, `number`, `other`, at most 20 a rule. Others get null"
    )

    screen_results = serializers.SerializerMethodField(
        help_text="per rule: `hits` (loans), `borrowers`, `excluded`, `principal_minor`, "
        '`claim_minor`; null and `treatment` "not on the tape" where no field answers it. Others '
        "than the seller get null for figures of fewer than 5 borrowers, and `reach`: `few` or "
        "`most` (all but fewer than 5 of the package)"
    )

    class Meta:
        model = Package
        fields = (
            "id",
            "reference",
            "version",
            "previous",
            "title",
            "seller",
            "seller_name",
            "state",
            "currency",
            "cut_off_date",
            "criteria",
            "sentence",
            "screen_results",
            "renumbered",
            "screened_at",
            "loans",
            "borrowers",
            "principal_minor",
            "interest_minor",
            "fees_minor",
            "claim_minor",
            "transfer_basis",
            "created_at",
            "sealed_at",
            "content_sha256",
            "merkle_root",
            "job",
            "seen_sha256",
        )
        read_only_fields = fields

    def get_sentence(self, package: Package) -> str:
        return sentence(read_criteria(package.criteria), package.currency)

    def get_criteria(self, package: Package) -> dict[str, Any] | None:
        return package.criteria if self._is_own(package) else None

    def get_seen_sha256(self, package: Package) -> str | None:
        return seen_sha256(package) if self._is_own(package) else None

    def get_screen_results(self, package: Package) -> list[dict[str, Any]]:
        if self._is_own(package):
            return cast(list[dict[str, Any]], package.screen_results)
        return findings_for_others(package.screen_results, package.borrowers)

    def get_renumbered(self, package: Package) -> list[dict[str, str]] | None:
        return package.overview.get("renumbered", []) if self._is_own(package) else None

    def _is_own(self, package: Package) -> bool:
        user = cast(User, self.context["request"].user)
        return package.seller_id in user.organisation_ids()


class PackageSealSerializer(serializers.Serializer):
    """What the person who seals has looked at."""

    seen = serializers.RegexField(
        "^[0-9a-f]{64}$", help_text="`seen_sha256` of the package as it was read"
    )


class PackageDraftSerializer(serializers.Serializer):
    """A new package; the seller is the caller's institution."""

    title = serializers.CharField(max_length=200)
    currency = serializers.CharField(min_length=3, max_length=3)
    cut_off_date = serializers.DateField()
    criteria = serializers.DictField(
        required=False,
        default=dict,
        help_text="tapes: keys; where: conditions and groups; disclose: screen rules. "
        "Empty: every eligible loan of all tapes of this currency and cut-off date.",
    )
    transfer_basis = serializers.CharField(
        required=False, allow_blank=True, max_length=300, default=""
    )


class PackageReasonSerializer(serializers.Serializer):
    """Why; it stands in the history."""

    reason = serializers.CharField(max_length=500)


class PackageBandSerializer(serializers.Serializer):
    """One row; total = principal + interest, share = part of the claim, 0..1."""

    label = serializers.CharField()  # type: ignore[assignment]
    loans = serializers.IntegerField()
    borrowers = serializers.IntegerField()
    borrowers_at_most = serializers.BooleanField(
        default=False, help_text="borrowers is an upper bound: merged rows may share some"
    )
    principal_minor = serializers.IntegerField()
    total_minor = serializers.IntegerField()
    claim_minor = serializers.IntegerField()
    share = serializers.FloatField()


class StratificationSerializer(serializers.Serializer):
    """One table; loans and money of the rows add up to `total`, borrowers may overlap."""

    key = serializers.CharField()
    title = serializers.CharField()
    rows = PackageBandSerializer(many=True)
    total = PackageBandSerializer()


class LoanProofSerializer(serializers.Serializer):
    """Inclusion proof of a loan (RFC 9162 section 2.1.3), hashes in hex."""

    leaf = serializers.CharField()
    index = serializers.IntegerField()
    size = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField())
    root = serializers.CharField()  # type: ignore[assignment]


MEASURE_CHOICES = tuple(MEASURES.items())


class SavedCriteriaSerializer(serializers.ModelSerializer):
    """Criteria under a name; amounts in minor units of `currency`."""

    sentence = serializers.SerializerMethodField(help_text="the criteria in words")
    document = serializers.DictField(help_text="where and disclose, as in a package's criteria")
    name = serializers.CharField(max_length=100)

    class Meta:
        model = SavedCriteria
        fields = ("id", "name", "currency", "document", "sentence", "saved_at")
        read_only_fields = ("id", "saved_at")

    def get_sentence(self, kept: SavedCriteria) -> str:
        return sentence(read_criteria(kept.document), kept.currency)


class SourceSerializer(serializers.Serializer):
    """What to pick from; the price of a loan is the caller's assumption."""

    currency = serializers.CharField(min_length=3, max_length=3)
    cut_off_date = serializers.DateField()
    criteria = serializers.DictField(required=False, default=dict)
    price_share = serializers.FloatField(
        default=0.05, min_value=0, max_value=1, help_text="of the claim, at charge-off"
    )
    yearly_decline = serializers.FloatField(default=0.25, min_value=0, max_value=1)


class PackageLimitSerializer(serializers.Serializer):
    """At most this share of the claim in a class, or in each class where none is named."""

    dimension = serializers.ChoiceField(choices=sorted(DIMENSIONS))
    in_class = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    share = serializers.FloatField(help_text="above 0, below 1")


class PickSerializer(SourceSerializer):
    """Reach `amount` of `measure`, with as much of `maximise` as possible; money in minor units."""

    measure = serializers.ChoiceField(choices=MEASURE_CHOICES)
    amount = serializers.IntegerField(min_value=1, max_value=2**53 - 1)
    maximise = serializers.ChoiceField(choices=MEASURE_CHOICES)
    limits = serializers.ListField(
        child=PackageLimitSerializer(), required=False, default=list, max_length=MAX_LIMITS
    )
    keeps_borrowers_whole = serializers.BooleanField(default=True)


class NamedPickSerializer(PickSerializer):
    """The same, to be kept as a draft."""

    title = serializers.CharField(max_length=200)
    transfer_basis = serializers.CharField(
        required=False, allow_blank=True, max_length=300, default=""
    )


class PickOutcomeSerializer(serializers.Serializer):
    """What was found: counts, sums, bound and gap; `conflict` says in words why nothing was."""

    outcome = serializers.DictField()
    conflict = serializers.CharField(allow_blank=True)


class SplitSerializer(SourceSerializer):
    """A pool, to be split into comparable parts."""

    parts = serializers.IntegerField(min_value=2, max_value=MAX_PARTS)


class NamedSplitSerializer(SplitSerializer):
    """The same, to be kept as drafts: "<title> 1 of <parts>" and so on."""

    title = serializers.CharField(max_length=180)
    transfer_basis = serializers.CharField(
        required=False, allow_blank=True, max_length=300, default=""
    )


class SplitPartSerializer(serializers.Serializer):
    """One part; money in minor units."""

    loans = serializers.IntegerField()
    borrowers = serializers.IntegerField()
    price_minor = serializers.IntegerField()
    principal_minor = serializers.IntegerField()
    interest_minor = serializers.IntegerField()
    fees_minor = serializers.IntegerField()
    claim_minor = serializers.IntegerField()


class SplitOutcomeSerializer(serializers.Serializer):
    """How level the parts are: spread and distance in percent, and each part."""

    outcome = serializers.DictField()
    rows = SplitPartSerializer(many=True)


class PackageExportSerializer(serializers.ModelSerializer):
    """An export; `job` names its progress, the file is there once `sha256` is."""

    sha256 = serializers.CharField(source="file_id", allow_null=True, read_only=True)

    class Meta:
        model = PackageExport
        fields = ("id", "package", "form", "is_bidder_form", "job", "sha256", "asked_at")
        read_only_fields = fields


class ExportAskSerializer(serializers.Serializer):
    """Which form; `as_bidders_see` asks for the seller's own copy of the bidder's form."""

    package = serializers.UUIDField()
    form = serializers.ChoiceField(choices=ExportForm.choices)
    as_bidders_see = serializers.BooleanField(default=False)
