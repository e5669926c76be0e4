"""The bidding room for machines: the same services as the pages."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.auctions import services
from npa_market.auctions.api_formats import FORMAT_ACCESS, FormatActions, require_currency
from npa_market.auctions.board import events_of
from npa_market.auctions.ceremony.api import SEALED_ACCESS, SealedActions
from npa_market.auctions.filters import LotFilter
from npa_market.auctions.guard.api import LIMIT_ACCESS, LimitActions
from npa_market.auctions.guard.outliers import Typed, require_confirmed, yardstick_of
from npa_market.auctions.models import BidOutcome, Lot, Registration
from npa_market.auctions.queries import outcome_of
from npa_market.auctions.serializers import (
    AnnouncementSerializer,
    BankLineSerializer,
    BidSerializer,
    BuyerSerializer,
    EventSerializer,
    LookUpSerializer,
    LotReasonSerializer,
    LotSerializer,
    OutcomeSerializer,
    RegistrationSerializer,
)
from npa_market.auctions.wording import ABOUT_THE_AMOUNT
from npa_market.common.api import VisibleRows, body_of
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput
from npa_market.common.problems import problem
from npa_market.packages.models import Package
from npa_market.parties.access import MEMBERS, access_for
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import BUYER_ROLES, OrganisationKind, Role

_REFUSED = OpenApiResponse(
    description="Refused by name (problem document with `code`); the stored outcome is attached."
)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _buyer(request: Request, key: UUID | None) -> Organisation:
    """The buyer that is named, else the only or acting one; another's is 404."""
    own = {
        membership.organisation_id: membership.organisation
        for membership in _person(request).active_memberships
        if membership.organisation.kind == OrganisationKind.BUYER
    }
    if key is not None:
        if key not in own:
            raise Http404
        return own[key]
    acting = getattr(request._request, "organisation", None)
    chosen = own.get(acting.pk) if acting else None
    if chosen is None:
        raise InvalidInput("buyer_needed", "Name the buyer you act for.", field="buyer")
    return chosen


class LotViewSet(
    FormatActions,
    SealedActions,
    LimitActions,
    VisibleRows[Lot],
    viewsets.ReadOnlyModelViewSet[Lot],
):
    """Lots: terms, standing, protocol, registration and bids. Money is integer minor units."""

    model = Lot
    access_rule = MEMBERS
    access_by_action = {
        "create": access_for(Role.SELLER_APPROVER),
        "cancel": access_for(Role.OPERATOR),
        "withdraw": access_for(Role.SELLER_APPROVER),
        "register": access_for(*BUYER_ROLES),
        "bids": access_for(*BUYER_ROLES),
        "bid_by_request": access_for(*BUYER_ROLES),
        **FORMAT_ACCESS,
        **SEALED_ACCESS,
        **LIMIT_ACCESS,
    }
    serializer_class = LotSerializer
    filterset_class = LotFilter

    def get_queryset(self) -> Any:
        """Rows with their package, which the answer quotes."""
        return super().get_queryset().select_related("package__seller", "reannounces")

    def get_object(self) -> Lot:
        """The lot, brought up to date by the clock."""
        lot: Lot = super().get_object()
        is_due = Lot.objects.due(database_now()).filter(pk=lot.pk).exists()
        if is_due and services.try_advance_lot(lot_id=lot.pk):
            lot.refresh_from_db()
        return lot

    @extend_schema(request=AnnouncementSerializer, responses={201: LotSerializer})
    def create(self, request: Request) -> Response:
        """Announce a sealed package under terms that never change (seller's approver)."""
        form = AnnouncementSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        package = get_object_or_404(
            Package.objects.visible_to(_person(request)), pk=asked["package"]
        )
        lot = services.announce_lot(
            user=_person(request),
            package_id=package.pk,
            title=asked["title"],
            terms=form.terms(),
            reannounces=asked["reannounces"],
            invitees=asked["invitees"],
        )
        return Response(LotSerializer(lot).data, status=201)

    @extend_schema(
        parameters=[OpenApiParameter("after", int, description="Only events after this number.")],
        responses=EventSerializer(many=True),
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def events(self, request: Request, pk: str) -> Response:
        """The protocol so far, in order: what happened, when, by which label."""
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 10):
            raise InvalidInput("after_unreadable", "Give the number of an event.", field="after")
        rows = events_of(self.get_object(), int(after))
        return Response([EventSerializer(row).data for row in rows])

    @extend_schema(request=BuyerSerializer, responses={201: RegistrationSerializer})
    @action(detail=True, methods=["post"])
    def register(self, request: Request, pk: str) -> Response:
        """Apply to bid (buyer's signatory); applying again gives the first application."""
        lot = self.get_object()
        asked = body_of(request, BuyerSerializer)
        registration = services.register_for_lot(
            user=_person(request),
            lot_id=lot.pk,
            buyer=_buyer(request, asked["buyer"]),
        )
        serializer = RegistrationSerializer(registration, context={"request": request})
        return Response(serializer.data, status=201)

    @extend_schema(
        request=BidSerializer, responses={201: OutcomeSerializer, 409: _REFUSED, 503: None}
    )
    @action(detail=True, methods=["post"])
    def bids(self, request: Request, pk: str) -> Response:
        """Place one bid (buyer's signatory).

        Sent again with the same `request_id`, the first answer comes back; with another amount or
        lot, 409 `request_reused`. A 503 means nothing was done: send the same request again.
        """
        values = body_of(request, BidSerializer)
        buyer = _buyer(request, values["buyer"])
        # Who registered may see the lot: one look-up on the way of nearly every bid. The lot is not
        # brought up to date here, because the bid does so under the lock.
        yardstick = yardstick_of(UUID(pk), buyer)
        if yardstick is None or not yardstick.is_registered:
            pk = str(get_object_or_404(self.get_queryset(), pk=pk).pk)
        if values["currency"]:
            require_currency(Lot.objects.get(pk=pk), values["currency"])
        require_confirmed(yardstick, buyer, Typed.of(values))
        outcome = services.place_bid(
            user=_person(request),
            lot_id=UUID(pk),
            buyer=buyer,
            amount_minor=values["amount_minor"],
            request_id=values["request_id"],
        )
        return self.answered(outcome)

    def acting(self, request: Request, key: UUID | None) -> Organisation:
        """The buyer that is named, else the only or acting one."""
        return _buyer(request, key)

    def answered(self, outcome: BidOutcome) -> Response:
        """201 with the outcome, or the problem document of a refusal by the rules."""
        if not outcome.refusal:
            return Response(OutcomeSerializer(outcome).data, status=201)
        return _refused(outcome)

    @extend_schema(
        parameters=[
            OpenApiParameter("request_id", UUID, OpenApiParameter.PATH),
            OpenApiParameter("buyer", UUID, description="Where you act for several."),
        ],
        responses=LookUpSerializer,
        filters=False,
    )
    @action(
        detail=True,
        methods=["get"],
        url_path=r"bids/by-request/(?P<request_id>[0-9a-fA-F-]{36})",
        pagination_class=None,
    )
    def bid_by_request(self, request: Request, pk: str, request_id: str) -> Response:
        """What became of a request whose answer was lost: accepted, refused, or unknown."""
        lot = self.get_object()
        try:
            key = UUID(request_id)
            named = request.query_params.get("buyer")
            buyer = _buyer(request, UUID(named) if named else None)
        except ValueError:
            raise Http404 from None
        outcome = outcome_of(buyer=buyer, request_id=key)
        if outcome is None or outcome.lot_id != lot.pk:
            return Response({"result": "unknown", "outcome": None})
        document = OutcomeSerializer(outcome).data
        return Response({"result": document["result"], "outcome": document})

    @extend_schema(request=LotReasonSerializer, responses=LotSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a lot before its end, with a reason that everybody reads in its notice (operator)."""
        lot = self.get_object()
        asked = body_of(request, LotReasonSerializer)
        cancelled = services.cancel_lot(
            user=_person(request), lot_id=lot.pk, reason=asked["reason"]
        )
        return Response(LotSerializer(cancelled).data)

    @extend_schema(request=LotReasonSerializer, responses=LotSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take a lot back before bidding opens, with a reason that everybody reads (seller)."""
        lot = self.get_object()
        asked = body_of(request, LotReasonSerializer)
        withdrawn = services.withdraw_lot(
            user=_person(request), lot_id=lot.pk, reason=asked["reason"]
        )
        return Response(LotSerializer(withdrawn).data)


def _refused(outcome: BidOutcome) -> Response:
    """The problem document of a refusal by the rules, with the stored outcome."""
    errors = [{"field": "amount_minor", "detail": outcome.message}]
    answer = problem(
        status=409,
        code=outcome.refusal,
        detail=outcome.message,
        errors=errors if outcome.refusal in ABOUT_THE_AMOUNT else None,
    )
    answer.data["outcome"] = OutcomeSerializer(outcome).data
    return answer


class RegistrationViewSet(
    VisibleRows[Registration],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Registration],
):
    """Applications to bid: the applicant's own; the venue sees all, without labels."""

    model = Registration
    access_rule = MEMBERS
    access_by_action = {
        "admit": access_for(Role.OPERATOR),
        "refuse": access_for(Role.OPERATOR),
        "deposit": access_for(Role.VENUE_FINANCE),
        "unmatch_deposit": access_for(Role.VENUE_FINANCE, Role.OPERATOR),
        "withdraw": access_for(*BUYER_ROLES),
    }
    serializer_class = RegistrationSerializer
    filterset_fields = ("lot", "state")

    def _answer(self, registration: Registration) -> Response:
        return Response(self.get_serializer(registration).data)

    @extend_schema(request=None, responses=RegistrationSerializer)
    @action(detail=True, methods=["post"])
    def admit(self, request: Request, pk: str) -> Response:
        """Let the applicant bid (operator)."""
        registration = self.get_object()
        return self._answer(
            services.admit_registration(user=_person(request), registration_id=registration.pk)
        )

    @extend_schema(request=LotReasonSerializer, responses=RegistrationSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        """Turn the applicant away with a reason (operator)."""
        registration = self.get_object()
        asked = body_of(request, LotReasonSerializer)
        return self._answer(
            services.refuse_registration(
                user=_person(request), registration_id=registration.pk, **asked
            )
        )

    @extend_schema(request=BankLineSerializer, responses=RegistrationSerializer)
    @action(detail=True, methods=["post"])
    def deposit(self, request: Request, pk: str) -> Response:
        """Confirm that the lot's deposit of this bidder arrived (venue finance)."""
        registration = self.get_object()
        asked = body_of(request, BankLineSerializer)
        services.confirm_deposit(user=_person(request), registration_id=registration.pk, **asked)
        return self._answer(registration)

    @extend_schema(request=LotReasonSerializer, responses=RegistrationSerializer)
    @action(detail=True, methods=["post"], url_path="unmatch-deposit")
    def unmatch_deposit(self, request: Request, pk: str) -> Response:
        """Take a wrong match of a bank line with this deposit back (finance, operator)."""
        registration = self.get_object()
        asked = body_of(request, LotReasonSerializer)
        services.unmatch_deposit(user=_person(request), registration_id=registration.pk, **asked)
        return self._answer(registration)

    @extend_schema(request=None, responses=RegistrationSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take an application back before any bid; a held deposit is paid back (buyer)."""
        registration = self.get_object()
        return self._answer(
            services.withdraw_registration(user=_person(request), registration_id=registration.pk)
        )


ROUTES = [
    ("lots", LotViewSet, "lot"),
    ("registrations", RegistrationViewSet, "registration"),
]
