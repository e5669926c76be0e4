"""A buyer's limit on a lot for machines; answered to the buyer's own people alone."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.auctions.guard import services
from npa_market.auctions.guard.models import BidLimit
from npa_market.auctions.guard.queries import own_limits
from npa_market.auctions.models import Lot
from npa_market.auctions.serializers import MONEY, BuyerSerializer
from npa_market.common.api import MinorUnitsField, body_of
from npa_market.parties.access import access_for
from npa_market.parties.models import Organisation
from npa_market.parties.roles import BUYER_ROLES


class BidLimitSerializer(serializers.ModelSerializer[BidLimit]):
    """A limit; `commitment` stands in the log in place of the amount."""

    commitment = serializers.SerializerMethodField(
        help_text="SHA-256 of `<salt>:<amount_minor>`, as the log has it."
    )

    class Meta:
        model = BidLimit
        fields = (
            "id", "lot", "buyer", "amount_minor", "salt", "commitment", "state", "proposed_by",
            "proposed_at", "approved_by", "approved_at", "ended_by", "ended_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_commitment(self, limit: BidLimit) -> str:
        return services.commitment(limit)


class LimitProposalSerializer(BuyerSerializer):
    amount_minor = MinorUnitsField(help_text=MONEY, min_value=-(2**62), max_value=2**62)


class LimitChoiceSerializer(BuyerSerializer):
    limit = serializers.UUIDField(help_text="The limit that was read.")


LIMIT_ACCESS = dict.fromkeys(
    ("limits", "propose_limit", "approve_limit", "withdraw_limit"), access_for(*BUYER_ROLES)
)


class LimitActions:
    """Mixin of the lots' viewset: the buyer's own limits."""

    get_object: Callable[[], Lot]
    acting: Callable[[Request, Any], Organisation]

    @extend_schema(responses=BidLimitSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def limits(self, request: Request, pk: str) -> Response:
        """Every limit of your institution on this lot, newest first."""
        rows = own_limits(self.get_object(), self.acting(request, None), _person(request))
        return Response(BidLimitSerializer(rows, many=True).data)

    @extend_schema(request=LimitProposalSerializer, responses={201: BidLimitSerializer})
    @action(detail=True, methods=["post"], url_path="limits/propose")
    def propose_limit(self, request: Request, pk: str) -> Response:
        """Propose the most that your institution bids (signatory or analyst)."""
        limit = self._act(request, LimitProposalSerializer, services.propose_limit)
        return Response(BidLimitSerializer(limit).data, status=201)

    @extend_schema(request=LimitChoiceSerializer, responses=BidLimitSerializer)
    @action(detail=True, methods=["post"], url_path="limits/approve")
    def approve_limit(self, request: Request, pk: str) -> Response:
        """Put a proposed limit in force (a signatory who did not propose it)."""
        limit = self._act(request, LimitChoiceSerializer, services.approve_limit)
        return Response(BidLimitSerializer(limit).data)

    @extend_schema(request=LimitChoiceSerializer, responses=BidLimitSerializer)
    @action(detail=True, methods=["post"], url_path="limits/withdraw")
    def withdraw_limit(self, request: Request, pk: str) -> Response:
        """Drop a proposal, or take a limit out of force: none passes until another is approved."""
        limit = self._act(request, LimitChoiceSerializer, services.withdraw_limit)
        return Response(BidLimitSerializer(limit).data)

    def _act(self, request: Request, form: Any, service: Callable[..., BidLimit]) -> BidLimit:
        values = body_of(request, form)
        lot, buyer = self.get_object(), self.acting(request, values.pop("buyer"))
        if "limit" in values:
            values["limit_id"] = values.pop("limit")
        return service(user=_person(request), lot_id=lot.pk, buyer=buyer, **values)


def _person(request: Request) -> Any:
    return request.user
