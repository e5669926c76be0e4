"""Statements for machines: the same services as the pages."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import VisibleRows, body_of
from npa_market.parties.access import MEMBERS, access_for
from npa_market.parties.models import User
from npa_market.parties.roles import FINANCE_ROLES, Role
from npa_market.settlement import services
from npa_market.settlement.models import Statement
from npa_market.transfers.models import Deal


def _person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


class StatementSerializer(serializers.ModelSerializer):
    """Money in minor units: deposit + balance = seller net + fee + tax."""

    state = serializers.SerializerMethodField()
    workbook_sha256 = serializers.CharField(source="workbook_id", read_only=True)
    journal_sha256 = serializers.CharField(source="journal_id", read_only=True)
    closing_journal_sha256 = serializers.CharField(
        source="closing_journal_id", read_only=True, allow_null=True
    )

    class Meta:
        model = Statement
        fields = (
            "id", "reference", "deal", "currency", "state", "hammer_minor", "excluded_minor",
            "adjusted_minor", "receipts_minor", "receipts_cost_minor", "receipts_direct_minor",
            "deposit_minor", "balance_minor", "fee_minor", "tax_minor", "seller_net_minor",
            "ledger_cut_off", "ledger_seq", "workbook_sha256", "journal_sha256",
            "closing_journal_sha256", "created_at", "settled_at",
        )  # fmt: skip

    @extend_schema_field(serializers.CharField())
    def get_state(self, statement: Statement) -> str:
        """`proposed`, `half_agreed` or `agreed`."""
        return statement.state.value


class DealKeySerializer(serializers.Serializer):
    deal = serializers.UUIDField()


class AgreementSerializer(serializers.Serializer):
    workbook_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class StatementViewSet(VisibleRows[Statement], viewsets.ReadOnlyModelViewSet):
    """Settlement statements: a deal in money, agreed by finance of both sides."""

    model = Statement
    access_rule = MEMBERS
    access_by_action = {
        "create": access_for(*FINANCE_ROLES),
        "agree": access_for(Role.SELLER_FINANCE, Role.BUYER_FINANCE),
    }
    serializer_class = StatementSerializer
    filterset_fields = ("deal",)

    def get_queryset(self) -> Any:
        """Rows with the agreements that make their state."""
        return super().get_queryset().prefetch_related("agreements")

    @extend_schema(request=DealKeySerializer, responses={201: StatementSerializer})
    def create(self, request: Request) -> Response:
        """Make the statement of a delivered deal; again: the same one."""
        asked = body_of(request, DealKeySerializer)
        deals = Deal.objects.visible_to(_person(request))
        deal = get_object_or_404(deals, pk=asked["deal"])
        statement = services.make_statement(user=_person(request), deal_id=deal.pk)
        return Response(StatementSerializer(statement).data, status=201)

    @extend_schema(request=AgreementSerializer, responses=StatementSerializer)
    @action(detail=True, methods=["post"])
    def agree(self, request: Request, pk: str) -> Response:
        """Agree for one's side to the workbook with this hash."""
        statement = self.get_object()
        asked = body_of(request, AgreementSerializer)
        statement = services.agree_statement(
            user=_person(request), statement_id=statement.pk, **asked
        )
        return Response(StatementSerializer(statement).data)


ROUTES = [("statements", StatementViewSet, "statement")]
