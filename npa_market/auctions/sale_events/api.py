"""Events for machines: list, retrieve, announce, protocol; the same services as the pages."""

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from npa_market.auctions.bundle import MAX_LOTS, MIN_LOTS
from npa_market.auctions.models import Lot, SaleEvent
from npa_market.auctions.sale_events.protocol import event_protocol
from npa_market.auctions.sale_events.services import Offered, Timetable, announce_event
from npa_market.auctions.serializers import invitees_field
from npa_market.common.api import MinorUnitsField, VisibleRows, body_of
from npa_market.common.errors import InvalidInput
from npa_market.parties.access import MEMBERS, access_for
from npa_market.parties.models import User
from npa_market.parties.roles import Role

MONEY = "Minor units of the packages' currency."


class EventLotSerializer(serializers.ModelSerializer[Lot]):
    """One lot of an event; everything else under `lots/{id}/`."""

    class Meta:
        model = Lot
        fields = (
            "id", "reference", "event_place", "title", "start_price_minor", "deposit_minor",
            "ends_at", "state", "hammer_minor",
        )  # fmt: skip
        read_only_fields = fields


class SaleEventSerializer(serializers.ModelSerializer[SaleEvent]):
    """An event as everybody who may see it sees it. `outcome` is empty until it is decided."""

    lots = EventLotSerializer(many=True, read_only=True)
    whole_start_minor = serializers.SerializerMethodField(
        help_text="The sum of the start prices; no bid for the whole below it counts."
    )

    class Meta:
        model = SaleEvent
        fields = (
            "id", "reference", "seller", "title", "currency", "announced_at", "lots",
            "whole_start_minor", "outcome", "decided_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_whole_start_minor(self, event: SaleEvent) -> int:
        return sum(lot.start_price_minor for lot in event.lots.all())


class OfferedSerializer(serializers.Serializer[Any]):
    """One package of the event."""

    package = serializers.UUIDField()
    title = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    start_price_minor = MinorUnitsField(help_text=MONEY)
    deposit_minor = MinorUnitsField(help_text=MONEY)
    reserve_minor = MinorUnitsField(
        required=False, allow_null=True, default=None, help_text="Never given out again."
    )


class EventAnnouncementSerializer(serializers.Serializer[Any]):
    """Common terms of the lots; times with an offset. All lots are sealed."""

    title = serializers.CharField(max_length=200)
    packages = serializers.ListField(
        child=OfferedSerializer(),
        min_length=MIN_LOTS,
        max_length=MAX_LOTS,
        help_text="The first one's envelopes take the bids for the whole.",
    )
    registration_ends_at = serializers.DateTimeField()
    opens_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    time_zone = serializers.CharField(max_length=40, default="Asia/Shanghai")
    allows_withdrawal = serializers.BooleanField(default=False, help_text="Of sealed envelopes.")
    remark = serializers.CharField(max_length=1_000, required=False, default="", allow_blank=True)
    contact = serializers.CharField(max_length=1_000, required=False, default="", allow_blank=True)
    invitees = invitees_field()


class SaleEventViewSet(
    VisibleRows[SaleEvent],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[SaleEvent],
):
    """Events: several sealed lots of one seller that may be bid for as a whole.

    A bid for the whole is part of the envelope of the event's first lot: see its bidding sheet and
    `seal.py --whole`. Hand it in under `lots/{id}/envelopes/`.
    """

    model = SaleEvent
    access_rule = MEMBERS
    access_by_action = {"create": access_for(Role.SELLER_APPROVER)}
    serializer_class = SaleEventSerializer
    filterset_fields = ("currency", "outcome")

    def get_queryset(self) -> Any:
        """Rows with their lots, in their places."""
        return (
            super()
            .get_queryset()
            .prefetch_related(Prefetch("lots", Lot.objects.order_by("event_place")))
        )

    @extend_schema(request=EventAnnouncementSerializer, responses={201: SaleEventSerializer})
    def create(self, request: Request) -> Response:
        """Announce 2 to 12 sealed packages together (seller's approver); all or none."""
        values = body_of(request, EventAnnouncementSerializer)
        offered = [
            Offered(package_id=each.pop("package"), **each) for each in values.pop("packages")
        ]
        own = {name: values.pop(name) for name in ("title", "remark", "contact", "invitees")}
        event = announce_event(
            user=_person(request), offered=offered, timetable=Timetable(**values), **own
        )
        return Response(SaleEventSerializer(self.get_queryset().get(pk=event.pk)).data, status=201)

    @extend_schema(responses=OpenApiTypes.OBJECT, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def protocol(self, request: Request, pk: str) -> Response:
        """The protocol of an event whose lots have ended; `check_protocol.py` checks it."""
        return Response(event_protocol(self.get_object()))


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise InvalidInput("sign_in", "Sign in first.")
    return request.user


ROUTES = [("events", SaleEventViewSet, "event")]
