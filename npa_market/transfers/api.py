"""Deals for machines: the same services as the pages."""

from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.common.api import NewestFirstPagination, VisibleRows, body_of
from npa_market.common.errors import Refused
from npa_market.common.files import open_stored
from npa_market.parties.access import MEMBERS, access_for
from npa_market.parties.models import User
from npa_market.parties.roles import BUYER_ROLES, Role
from npa_market.transfers import services
from npa_market.transfers.models import Deal, LoanPrice
from npa_market.transfers.package_keys import open_delivery
from npa_market.transfers.queries import delivery_of
from npa_market.transfers.serializers import (
    CancellationSerializer,
    DealSerializer,
    DeliverySerializer,
    ErasedSerializer,
    ErasureSerializer,
    ExclusionSerializer,
    LoanPriceSerializer,
    PaymentSerializer,
    ReceiptSerializer,
    SigningSerializer,
    TakingSerializer,
)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


class DealViewSet(VisibleRows[Deal], viewsets.ReadOnlyModelViewSet):
    """Sold lots on their way from award to closing. Money is integer minor units."""

    model = Deal
    access_rule = MEMBERS
    access_by_action = {
        "sign": access_for(Role.SELLER_APPROVER, Role.BUYER_SIGNATORY),
        "payments": access_for(Role.VENUE_FINANCE),
        "exclusions": access_for(Role.SELLER_APPROVER),
        "release": access_for(Role.SELLER_ANALYST, Role.SELLER_APPROVER, Role.SELLER_FINANCE),
        "release_again": access_for(Role.SELLER_ANALYST, Role.SELLER_APPROVER, Role.SELLER_FINANCE),
        "file": access_for(*BUYER_ROLES),
        "receipt": access_for(Role.BUYER_SIGNATORY, Role.BUYER_ANALYST),
        "erase_copies": access_for(Role.SELLER_APPROVER),
        "cancel": access_for(Role.OPERATOR, Role.COMPLIANCE),
    }
    serializer_class = DealSerializer
    filterset_fields = ("state", "lot")

    def get_queryset(self) -> Any:
        """Rows with their lot, whose rates the money needs."""
        return super().get_queryset().select_related("lot")

    def _deal(self) -> Response:
        return Response(DealSerializer(self.get_object()).data)

    @extend_schema(responses=LoanPriceSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filterset_fields=())
    def allocation(self, request: Request, pk: str) -> Response:
        """Price of each loan; the parts add up to the hammer price."""
        pages = NewestFirstPagination()
        rows = LoanPrice.objects.filter(deal=self.get_object())
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(LoanPriceSerializer(page, many=True).data)

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def contract(self, request: Request, pk: str) -> FileResponse:
        """The contract text in force; its SHA-256 is what both sides sign."""
        deal = self.get_object()
        return FileResponse(open_stored(str(deal.contract_file_id)), content_type="application/pdf")

    @extend_schema(request=SigningSerializer, responses=DealSerializer)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: str) -> Response:
        """Sign the text with this hash for one's side."""
        deal, person = self.get_object(), _person(request)
        own = person.organisation_ids()
        services.sign_contract(
            user=person,
            deal_id=deal.pk,
            organisation=deal.seller if deal.seller_id in own else deal.buyer,
            **body_of(request, SigningSerializer),
        )
        return self._deal()

    @extend_schema(request=PaymentSerializer, responses=DealSerializer)
    @action(detail=True, methods=["post"])
    def payments(self, request: Request, pk: str) -> Response:
        """Match one bank line; with the last part title moves (venue finance)."""
        services.record_payment(
            user=_person(request),
            deal_id=self.get_object().pk,
            **body_of(request, PaymentSerializer),
        )
        return self._deal()

    @extend_schema(request=ExclusionSerializer, responses=DealSerializer)
    @action(detail=True, methods=["post"])
    def exclusions(self, request: Request, pk: str) -> Response:
        """Take loans out before the contract (seller's approver)."""
        services.exclude_loans(
            user=_person(request),
            deal_id=self.get_object().pk,
            **body_of(request, ExclusionSerializer),
        )
        return self._deal()

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Release the loan file, first or second person of the seller."""
        delivery = services.release_delivery(user=_person(request), deal_id=self.get_object().pk)
        return Response(DeliverySerializer(delivery).data)

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"], url_path="release-again")
    def release_again(self, request: Request, pk: str) -> Response:
        """Release anew a file that the buyer can no longer take or open; two people again."""
        delivery = services.release_delivery_again(
            user=_person(request), deal_id=self.get_object().pk
        )
        return Response(DeliverySerializer(delivery).data)

    @extend_schema(responses=DeliverySerializer)
    @action(detail=True, methods=["get"])
    def delivery(self, request: Request, pk: str) -> Response:
        """How the loan file stands: until when and how often it may be taken, or why not."""
        delivery = delivery_of(self.get_object())
        if delivery is None:
            raise Refused("not_released", "The seller has not released the file yet.")
        return Response(DeliverySerializer(delivery).data)

    @extend_schema(
        request=TakingSerializer,
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    @action(detail=True, methods=["post"])
    def file(self, request: Request, pk: str) -> FileResponse:
        """Take the encrypted file (age); each download is counted and logged."""
        delivery = services.take_delivery(
            user=_person(request),
            deal_id=self.get_object().pk,
            **body_of(request, TakingSerializer),
        )
        return FileResponse(open_delivery(delivery), content_type="application/octet-stream")

    @extend_schema(request=ReceiptSerializer, responses=DealSerializer)
    @action(detail=True, methods=["post"])
    def receipt(self, request: Request, pk: str) -> Response:
        """Receipt the file by the SHA-256 of the decrypted ZIP."""
        services.confirm_receipt(
            user=_person(request),
            deal_id=self.get_object().pk,
            **body_of(request, ReceiptSerializer),
        )
        return self._deal()

    @extend_schema(request=ErasureSerializer, responses=ErasedSerializer)
    @action(detail=True, methods=["post"], url_path="erase-copies")
    def erase_copies(self, request: Request, pk: str) -> Response:
        """Destroy the key of the delivery file, for good (seller's approver)."""
        erased = services.erase_package_copies(
            user=_person(request),
            deal_id=self.get_object().pk,
            **body_of(request, ErasureSerializer),
        )
        return Response(ErasedSerializer(erased).data)

    @extend_schema(request=CancellationSerializer, responses=DealSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End the deal before title moved (operator, compliance)."""
        asked = body_of(request, CancellationSerializer)
        services.cancel_deal(
            user=_person(request),
            deal_id=self.get_object().pk,
            reason=asked["reason"],
            deposit=services.DepositFate(asked["deposit"]),
        )
        return self._deal()


ROUTES = [("deals", DealViewSet, "deal")]
