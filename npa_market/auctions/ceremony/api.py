"""Sealed bids for machines: the sheet to seal by, the signed receipt, shares and reveals."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.auctions.ceremony import services
from npa_market.auctions.ceremony.documents import sheet_of, signed_receipt
from npa_market.auctions.ceremony.queries import key_of, label_of, own_envelope
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import Lot, LotFormat
from npa_market.auctions.serializers import BuyerSerializer, LotSerializer
from npa_market.common.api import body_of
from npa_market.parties.access import access_for
from npa_market.parties.models import Organisation
from npa_market.parties.roles import BUYER_ROLES, Role

NAMED_BUYER = OpenApiParameter("buyer", UUID, description="The buyer you act for, if several.")


class ShareSerializer(serializers.Serializer[Any]):
    holder = serializers.ChoiceField(choices=[each.value for each in Holder])
    words = serializers.CharField(max_length=2_000, help_text="The words of the share, in order.")


class EnvelopeKeySerializer(BuyerSerializer):
    ephemeral_private_key = serializers.RegexField(
        "^[0-9a-f]{64}$", help_text="From the secret receipt of the envelope."
    )


SEALED_ACCESS = {
    "sheet": access_for(*BUYER_ROLES),
    "signed_receipt": access_for(*BUYER_ROLES),
    "reveal": access_for(*BUYER_ROLES),
    "shares": access_for(Role.SELLER_APPROVER, Role.COMPLIANCE, Role.NOTARY),
}


class SealedActions:
    """Mixin of the lots' viewset: what sealed bids need beside envelopes."""

    get_object: Callable[[], Lot]
    acting: Callable[[Request, Any], Organisation]

    def _sealed(self) -> Lot:
        lot = self.get_object()
        if lot.format != LotFormat.SEALED:
            raise Http404("The lot has no sealed bids.")
        return lot

    def _named(self, request: Request) -> Organisation:
        key = request.query_params.get("buyer")
        try:
            return self.acting(request, UUID(key) if key else None)
        except ValueError as error:
            raise Http404 from error

    @extend_schema(parameters=[NAMED_BUYER], responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def sheet(self, request: Request, pk: str) -> Response:
        """What `seal.py` needs to seal a bid; 404 without a label or a key of the lot."""
        lot = self._sealed()
        label = label_of(lot, self._named(request))
        if not label or key_of(lot) is None:
            raise Http404("There is no sheet: apply first, or wait for the key of the lot.")
        return Response(sheet_of(lot, label))

    @extend_schema(parameters=[NAMED_BUYER], responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=True, methods=["get"], url_path="envelopes/receipt", pagination_class=None)
    def signed_receipt(self, request: Request, pk: str) -> Response:
        """The venue's signed word on the own envelope in force; 404 where there is none."""
        lot = self._sealed()
        buyer = self._named(request)
        row = own_envelope(lot, buyer)
        if row is None:
            raise Http404("No envelope of yours is in force.")
        return Response(signed_receipt(row, label_of(lot, buyer)))

    @extend_schema(request=ShareSerializer, responses=LotSerializer)
    @action(detail=True, methods=["post"])
    def shares(self, request: Request, pk: str) -> Response:
        """Hand in a holder's share after the deadline; the second one opens the lot."""
        lot = self._sealed()
        asked = body_of(request, ShareSerializer)
        done = services.hand_in_share(
            user=request.user,  # type: ignore[arg-type]  # the access rule admits members alone
            lot_id=lot.pk,
            holder=Holder(asked["holder"]),
            words=asked["words"],
        )
        return Response(LotSerializer(done).data)

    @extend_schema(request=EnvelopeKeySerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def reveal(self, request: Request, pk: str) -> Response:
        """Open the own envelope where the holders stayed away; amounts show all together."""
        lot = self._sealed()
        asked = body_of(request, EnvelopeKeySerializer)
        services.reveal_bid(
            user=request.user,  # type: ignore[arg-type]
            lot_id=lot.pk,
            buyer=self.acting(request, asked.pop("buyer")),
            receipt=asked,
        )
        return Response(status=204)
