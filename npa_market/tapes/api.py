"""Tapes for machines: upload, follow, read the result and the masked loans; mappings to choose."""

from typing import Any, cast

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import JsonParser, VisibleRows, body_of
from npa_market.common.errors import Refused
from npa_market.parties.access import access_for
from npa_market.parties.models import User
from npa_market.parties.roles import SELLER_ROLES, Role
from npa_market.tapes import services
from npa_market.tapes.api_findings import FindingActions, FindingSerializer
from npa_market.tapes.api_histories import HistoryViewSet
from npa_market.tapes.api_intake import ROUTES as INTAKE_ROUTES
from npa_market.tapes.api_intake import own_seller
from npa_market.tapes.confirming import confirm_import, discard_tape, result_sha256
from npa_market.tapes.mapping import Mapping, shipped_mappings
from npa_market.tapes.models import Loan, Tape, TapeState
from npa_market.tapes.personal_models import PersonalAccess
from npa_market.tapes.queries import Person, masked_person
from npa_market.tapes.revealing import erase_identities, reveal_borrower
from npa_market.tapes.vault import KeyGone


class CompletenessSerializer(serializers.Serializer):
    """One field over the rows that the mapping takes: filled + missing + invalid = rows."""

    field = serializers.CharField()
    title = serializers.CharField()
    title_zh = serializers.CharField()
    column = serializers.CharField()
    filled = serializers.IntegerField()
    missing = serializers.IntegerField()
    invalid = serializers.IntegerField()
    derived = serializers.CharField()
    if_missing = serializers.CharField()


class TapeSerializer(serializers.ModelSerializer):
    """A tape and its import. Control totals per money field: read = imported + rejected."""

    seller_name = serializers.CharField(source="seller.name", read_only=True)
    control_totals = serializers.DictField(read_only=True)
    completeness = CompletenessSerializer(many=True, read_only=True)
    findings = FindingSerializer(many=True, read_only=True)
    layout = serializers.DictField(read_only=True)
    result_sha256 = serializers.SerializerMethodField(
        help_text="what `confirm` must name; empty where there is nothing to confirm"
    )

    def get_result_sha256(self, tape: Tape) -> str:
        return result_sha256(tape) if tape.state == TapeState.TO_CONFIRM else ""

    class Meta:
        model = Tape
        fields = (
            "id",
            "reference",
            "seller",
            "seller_name",
            "file_name",
            "file",
            "mapping",
            "currency",
            "cut_off_date",
            "state",
            "failure",
            "job",
            "uploaded_at",
            "rows_read",
            "rows_imported",
            "rows_rejected",
            "control_totals",
            "completeness",
            "findings",
            "layout",
            "result_sha256",
        )
        read_only_fields = fields


class TapeUploadSerializer(serializers.Serializer):
    """A file and what it is. `seller`: needed where the caller works for several sellers."""

    file = serializers.FileField(allow_empty_file=True)
    mapping = serializers.CharField()
    currency = serializers.CharField(max_length=3)
    cut_off_date = serializers.DateField()
    seller = serializers.UUIDField(required=False)


class ConfirmationSerializer(serializers.Serializer):
    """The result that was looked at: `result_sha256` of the tape."""

    result_sha256 = serializers.CharField(max_length=64)


class RevealSerializer(serializers.Serializer):
    """Which loan's borrower, and why."""

    loan = serializers.UUIDField()
    reason = serializers.CharField(max_length=300)


class IdentitySerializer(serializers.Serializer):
    """A borrower in full; the reading is logged."""

    name = serializers.CharField()
    id_number = serializers.CharField()
    mobile = serializers.CharField()


class AccessSerializer(serializers.ModelSerializer):
    """A line of the access log: who read which fields, of how many people, why."""

    class Meta:
        model = PersonalAccess
        fields = ("id", "at", "user", "tape", "loan", "people", "fields", "form", "reason")
        read_only_fields = fields


class ErasureSerializer(serializers.Serializer):
    """What became unreadable."""

    borrowers = serializers.IntegerField()
    on_other_tapes = serializers.IntegerField()
    files = serializers.IntegerField()


class ReasonSerializer(serializers.Serializer):
    """Why."""

    reason = serializers.CharField(max_length=300)


class MaskedLoanSerializer(serializers.ModelSerializer):
    """A loan; the borrower's identity is masked."""

    borrower_name = serializers.SerializerMethodField()
    id_number = serializers.SerializerMethodField()
    mobile = serializers.SerializerMethodField()

    class Meta:
        model = Loan
        fields = (
            "id",
            "row_number",
            "loan_number",
            "borrower",
            "borrower_name",
            "id_number",
            "mobile",
            "product",
            "currency",
            "principal_minor",
            "interest_minor",
            "fees_minor",
            "claim_minor",
            "origination_date",
            "default_date",
            "charge_off_date",
            "last_payment_date",
            "days_overdue",
            "grade",
            "province",
            "city",
            "litigation_status",
            "is_reachable",
            "status",
            "received_minor",
            "collection_cost_minor",
        )
        read_only_fields = fields

    def to_representation(self, instance: Loan) -> dict[str, Any]:
        self._person: Person = masked_person(instance.borrower)
        return super().to_representation(instance)

    def get_borrower_name(self, loan: Loan) -> str:
        return self._person.name

    def get_id_number(self, loan: Loan) -> str:
        return self._person.id_number

    def get_mobile(self, loan: Loan) -> str:
        return self._person.mobile


class MappingSerializer(serializers.Serializer):
    """A mapping; `needed_columns` must stand in the file's header."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    description = serializers.CharField()
    currencies = serializers.ListField(child=serializers.CharField())
    suggested_currency = serializers.CharField()
    suggested_cut_off = serializers.DateField(allow_null=True)
    needed_columns = serializers.SerializerMethodField()
    fields_filled = serializers.SerializerMethodField()

    def get_needed_columns(self, mapping: Mapping) -> list[str]:
        return sorted(mapping.needed)

    def get_fields_filled(self, mapping: Mapping) -> list[str]:
        return [source.field.name for source in mapping.sources]


class TapeViewSet(
    FindingActions,
    VisibleRows,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet,
):
    """Tapes of the caller's own institution."""

    model = Tape
    access_rule = access_for(*SELLER_ROLES)
    access_by_action = {
        "rejects": access_for(Role.SELLER_ANALYST),
        "rejects_xlsx": access_for(Role.SELLER_ANALYST),
        "reveal": access_for(Role.SELLER_ANALYST),
        "confirm": access_for(Role.SELLER_ANALYST),
        "discard": access_for(Role.SELLER_ANALYST),
        "erase": access_for(Role.SELLER_APPROVER),
    }
    serializer_class = TapeSerializer
    parser_classes = (MultiPartParser,)
    filterset_fields = ("state", "mapping", "cut_off_date")

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("seller")

    @extend_schema(
        request={"multipart/form-data": TapeUploadSerializer},
        responses={202: TapeSerializer, 409: OpenApiResponse(description="Problem document")},
    )
    def create(self, request: Request) -> Response:
        """Upload a tape; its import is queued, follow `state` or the job.

        The same file with the same mapping and cut-off date again is the same tape.
        """
        values = body_of(request, TapeUploadSerializer)
        sent = values.pop("file")
        user = cast(User, request.user)
        tape = services.upload_tape(
            user=user,
            seller=own_seller(user, values.pop("seller", None)),
            chunks=sent.chunks(),
            file_name=sent.name,
            **values,
        )
        return Response(TapeSerializer(tape).data, status=202)

    @extend_schema(responses=MaskedLoanSerializer(many=True), filters=False)
    @action(detail=True, filterset_fields=None)
    def loans(self, request: Request, pk: str) -> Response:
        """Loans of an imported tape, last row first, identities masked."""
        rows = Loan.objects.visible_to(cast(User, request.user)).filter(tape=self.get_object())
        page = self.paginate_queryset(rows.select_related("borrower"))
        return self.get_paginated_response(MaskedLoanSerializer(page, many=True).data)

    @extend_schema(request=None, responses={202: TapeSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Import again after a failure; an imported tape stays as it is."""
        tape = self.get_object()
        tape = services.retry_import(user=cast(User, request.user), tape_id=tape.pk)
        return Response(TapeSerializer(tape).data, status=202)

    @extend_schema(
        request=ConfirmationSerializer,
        responses={200: TapeSerializer, 409: OpenApiResponse(description="Problem document")},
    )
    @action(detail=True, methods=["post"], parser_classes=[JsonParser, FormParser, MultiPartParser])
    def confirm(self, request: Request, pk: str) -> Response:
        """Take the validated rows in, after comparing the control totals."""
        tape = self.get_object()
        asked = body_of(request, ConfirmationSerializer)
        tape = confirm_import(
            user=cast(User, request.user),
            tape_id=tape.pk,
            result_sha256_seen=asked["result_sha256"],
        )
        return Response(TapeSerializer(tape).data)

    @extend_schema(
        request=RevealSerializer,
        responses={200: IdentitySerializer, 409: OpenApiResponse(description="Problem document")},
    )
    @action(detail=True, methods=["post"], parser_classes=[JsonParser, FormParser, MultiPartParser])
    def reveal(self, request: Request, pk: str) -> Response:
        """One borrower in full, for a reason; the reading is logged and limited per hour."""
        tape, user = self.get_object(), cast(User, request.user)
        asked = body_of(request, RevealSerializer)
        loans = Loan.objects.visible_to(user).filter(tape=tape)
        loan = get_object_or_404(loans, pk=asked["loan"])
        try:
            person = reveal_borrower(user=user, loan_id=loan.pk, reason=asked["reason"])
        except KeyGone as error:
            raise Refused("identity_erased", "The identity was erased.") from error
        return Response(IdentitySerializer(person).data)

    @extend_schema(responses=AccessSerializer(many=True), filters=False)
    @action(detail=True, url_path="access-log", filterset_fields=None)
    def access_log(self, request: Request, pk: str) -> Response:
        """Who read identities of this tape in full, newest first."""
        rows = PersonalAccess.objects.visible_to(cast(User, request.user))
        page = self.paginate_queryset(rows.filter(tape=self.get_object()))
        return self.get_paginated_response(AccessSerializer(page, many=True).data)

    @extend_schema(
        request=ReasonSerializer,
        responses={200: ErasureSerializer, 409: OpenApiResponse(description="Problem document")},
    )
    @action(detail=True, methods=["post"], parser_classes=[JsonParser, FormParser, MultiPartParser])
    def erase(self, request: Request, pk: str) -> Response:
        """Destroy the key of the tape's identities: nobody reads them again."""
        tape = self.get_object()
        asked = body_of(request, ReasonSerializer)
        erased = erase_identities(
            user=cast(User, request.user), tape_id=tape.pk, reason=asked["reason"]
        )
        return Response(ErasureSerializer(erased).data)

    @extend_schema(
        request=None,
        responses={200: TapeSerializer, 409: OpenApiResponse(description="Problem document")},
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: str) -> Response:
        """Stop a running import or turn a validated result down; nothing is taken in."""
        tape = discard_tape(user=cast(User, request.user), tape_id=self.get_object().pk)
        return Response(TapeSerializer(tape).data)


class MappingViewSet(viewsets.ViewSet):
    """Mappings that an upload may name."""

    access_rule = access_for(*SELLER_ROLES)
    serializer_class = MappingSerializer

    @extend_schema(responses=MappingSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Every mapping of the venue."""
        return Response(MappingSerializer(shipped_mappings().values(), many=True).data)


ROUTES = [
    ("tapes", TapeViewSet, "tape"),
    ("mappings", MappingViewSet, "mapping"),
    ("histories", HistoryViewSet, "history"),
    *INTAKE_ROUTES,
]
