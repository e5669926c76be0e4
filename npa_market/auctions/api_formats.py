"""The bidding room for machines, formats other than the ascending one; the protocol; suspension."""

import base64
from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.auctions import services
from npa_market.auctions.guard.outliers import Typed, require_confirmed, yardstick_of
from npa_market.auctions.models import BidOutcome, Lot
from npa_market.auctions.protocol import protocol
from npa_market.auctions.serializers import (
    BidSerializer,
    BuyerSerializer,
    LotReasonSerializer,
    LotSerializer,
    OutcomeSerializer,
)
from npa_market.common.api import body_of
from npa_market.common.errors import InvalidInput
from npa_market.parties.access import access_for
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import BUYER_ROLES, Role


class RequestSerializer(BuyerSerializer):
    """`request_id` is made by the client and kept until the answer is known."""

    request_id = serializers.UUIDField()


class EnvelopeSerializer(RequestSerializer):
    envelope = serializers.CharField(max_length=4_000, help_text="Base64 of the 560 bytes.")

    def validate_envelope(self, text: str) -> bytes:
        """The bytes of strict base64."""
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise serializers.ValidationError("This is no base64.") from error


class OfferSerializer(BidSerializer):
    """A buyer's offer far above what is asked is repeated like a bid; a seller's is not."""

    valid_seconds = serializers.IntegerField(help_text="How long the offer stands.")


class AnswerSerializer(RequestSerializer):
    offer = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    answer = serializers.ChoiceField(choices=["accept", "decline", "withdraw"])


FORMAT_ACCESS = {
    "accept_price": access_for(*BUYER_ROLES),
    "envelopes": access_for(*BUYER_ROLES),
    "withdraw_envelope": access_for(*BUYER_ROLES),
    "offers": access_for(*BUYER_ROLES, Role.SELLER_APPROVER),
    "answer_offer": access_for(*BUYER_ROLES, Role.SELLER_APPROVER),
    "suspend": access_for(Role.OPERATOR),
    "resume": access_for(Role.OPERATOR),
}


class FormatActions:
    """Mixin of the lots' viewset: what is asked of single formats."""

    get_object: Callable[[], Lot]
    acting: Callable[[Request, Any], Organisation]
    answered: Callable[[BidOutcome], Response]

    def _asked(self, request: Request, serializer: Any) -> dict[str, Any]:
        """What is asked of a lot that this person may see: the lot is looked up first."""
        self.get_object()
        return body_of(request, serializer)

    def _bidder(self, request: Request, values: dict[str, Any]) -> dict[str, Any]:
        lot = self.get_object()
        buyer = self.acting(request, values.pop("buyer"))
        return {"user": _person(request), "lot_id": lot.pk, "buyer": buyer, **values}

    def _side(self, request: Request, values: dict[str, Any]) -> dict[str, Any]:
        """The seller of the lot where the person works for it, else the buyer."""
        lot = self.get_object()
        key, user = values.pop("buyer"), _person(request)
        is_seller = key is None and lot.package.seller_id in set(user.organisation_ids())
        side = lot.package.seller if is_seller else self.acting(request, key)
        return {"user": user, "lot_id": lot.pk, "organisation": side, **values}

    @extend_schema(request=BidSerializer, responses={201: OutcomeSerializer})
    @action(detail=True, methods=["post"], url_path="accept-price")
    def accept_price(self, request: Request, pk: str) -> Response:
        """Take the price of a falling lot: at the one in force, at most `amount_minor`."""
        asked = self._asked(request, BidSerializer)
        lot = self.get_object()
        require_currency(lot, asked.pop("currency"))
        buyer = self.acting(request, asked["buyer"])
        require_confirmed(yardstick_of(lot.pk, buyer), buyer, Typed.of(asked))
        del asked["confirm_amount_minor"]
        return self.answered(services.accept_price(**self._bidder(request, asked)))

    @extend_schema(request=EnvelopeSerializer, responses={201: OutcomeSerializer})
    @action(detail=True, methods=["post"])
    def envelopes(self, request: Request, pk: str) -> Response:
        """Hand in a sealed envelope; it replaces the bidder's earlier one."""
        values = self._bidder(request, self._asked(request, EnvelopeSerializer))
        return self.answered(services.submit_envelope(**values))

    @extend_schema(request=RequestSerializer, responses={201: OutcomeSerializer})
    @action(detail=True, methods=["post"], url_path="envelopes/withdraw")
    def withdraw_envelope(self, request: Request, pk: str) -> Response:
        """Take the envelope in force back, where the terms allow it."""
        values = self._bidder(request, self._asked(request, RequestSerializer))
        return self.answered(services.withdraw_envelope(**values))

    @extend_schema(request=OfferSerializer, responses={201: OutcomeSerializer})
    @action(detail=True, methods=["post"])
    def offers(self, request: Request, pk: str) -> Response:
        """Offer a price to the other side of a negotiation; it replaces the one that stands."""
        asked = self._asked(request, OfferSerializer)
        lot = self.get_object()
        require_currency(lot, asked.pop("currency"))
        typed = Typed.of(asked)
        del asked["confirm_amount_minor"]
        values = self._side(request, asked)
        side = values["organisation"]
        if side.pk != lot.package.seller_id:
            require_confirmed(yardstick_of(lot.pk, side), side, typed)
        return self.answered(services.make_offer(**values))

    @extend_schema(request=AnswerSerializer, responses={201: OutcomeSerializer})
    @action(detail=True, methods=["post"], url_path="offers/answer")
    def answer_offer(self, request: Request, pk: str) -> Response:
        """Accept or decline the other side's offer, or withdraw the own one."""
        values = self._side(request, self._asked(request, AnswerSerializer))
        return self.answered(services.answer_offer(**values))

    @extend_schema(request=LotReasonSerializer, responses=LotSerializer)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, pk: str) -> Response:
        """Stop bidding, with a reason that every party reads (operator)."""
        values = self._asked(request, LotReasonSerializer)
        lot = self.get_object()
        stopped = services.suspend_lot(user=_person(request), lot_id=lot.pk, **values)
        return Response(LotSerializer(stopped).data)

    @extend_schema(request=None, responses=LotSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on after a suspension, with ten minutes at least (operator)."""
        lot = self.get_object()
        return Response(
            LotSerializer(services.resume_lot(user=_person(request), lot_id=lot.pk)).data
        )

    @extend_schema(responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def protocol(self, request: Request, pk: str) -> Response:
        """The protocol of a lot that has ended; `check_protocol.py` checks it."""
        return Response(protocol(self.get_object()))


def require_currency(lot: Lot, currency: str) -> None:
    """An amount that names a currency names the lot's. Raises InvalidInput."""
    if currency and currency != lot.currency:
        raise InvalidInput(
            "wrong_currency", f"This lot is in {lot.currency}, not {currency}.", field="currency"
        )


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise InvalidInput("sign_in", "Sign in first.")
    return request.user
