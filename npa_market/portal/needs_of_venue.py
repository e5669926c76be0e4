"""What waits for the people who run the venue."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse

from npa_market.auctions.models import Lot, LotState, Registration, RegistrationState
from npa_market.common import outbox
from npa_market.common.money import format_minor
from npa_market.ledger.models import Hold
from npa_market.parties.models import Organisation, QualificationState
from npa_market.parties.roles import OrganisationKind
from npa_market.portal.need import PER_KIND, Desk, Need, step_due
from npa_market.transfers.models import Deal, DealState
from npa_market.transfers.queries import balance_due


def institutions_to_decide(desk: Desk) -> Iterator[Need]:
    """Applications without a decision."""
    rows = Organisation.objects.filter(qualification=QualificationState.APPLIED)
    for organisation in rows.exclude(kind=OrganisationKind.VENUE)[:PER_KIND]:
        yield Need(
            what=f"Decide on {organisation}",
            url=reverse("parties:detail", args=[organisation.pk]),
            detail=f"Applied as {organisation.get_kind_display().lower()}.",
            act="Decide",
        )


def registrations_to_decide(desk: Desk) -> Iterator[Need]:
    """Buyers who asked to bid."""
    rows = Registration.objects.filter(
        state=RegistrationState.APPLIED, lot__state__in=[LotState.ANNOUNCED, LotState.OPEN]
    ).select_related("lot", "buyer")
    for registration in rows.order_by("lot__opens_at")[:PER_KIND]:
        yield Need(
            what=f"Admit {registration.buyer} to lot {registration.lot.reference}",
            url=reverse("auctions:detail", args=[registration.lot_id]),
            detail=registration.lot.title,
            act="Decide",
            due=registration.lot.opens_at,
        )


def lots_ending_soon(desk: Desk) -> Iterator[Need]:
    """Lots in bidding, and those that open within a day."""
    day = desk.now + timedelta(days=1)
    for lot in Lot.objects.filter(state=LotState.OPEN).order_by("ends_at")[:PER_KIND]:
        so_far = "" if lot.shown_bids is None else f": {lot.shown_bids} bids so far."
        yield Need(
            what=f"Lot {lot.reference} is in bidding",
            url=reverse("auctions:detail", args=[lot.pk]),
            detail=f"{lot.title}{so_far}",
            act="Watch",
            due=lot.ends_at,
            tone="live",
        )
    opening = Lot.objects.filter(state=LotState.ANNOUNCED, opens_at__lte=day)
    for lot in opening.order_by("opens_at")[:PER_KIND]:
        yield Need(
            what=f"Lot {lot.reference} opens soon",
            url=reverse("auctions:detail", args=[lot.pk]),
            detail=lot.title,
            due=lot.opens_at,
        )


def sealed_lots_to_open(desk: Desk) -> Iterator[Need]:
    """Sealed lots after their deadline: shares of the key are awaited."""
    for lot in Lot.objects.filter(state=LotState.OPENING).order_by("ends_at")[:PER_KIND]:
        yield Need(
            what=f"Hand in your share for lot {lot.reference}",
            url=reverse("auctions:opening", args=[lot.pk]),
            detail=f"{lot.title}: the envelopes await their opening.",
            act="Open",
            due=lot.ends_at,
        )


def deposits_to_confirm(desk: Desk) -> Iterator[Need]:
    """Admitted buyers whose deposit is not booked."""
    held = Hold.objects.standing().filter(buyer=OuterRef("buyer"), lot_id=OuterRef("lot_id"))
    rows = Registration.objects.filter(
        ~Exists(held),
        state=RegistrationState.ADMITTED,
        lot__state__in=[LotState.ANNOUNCED, LotState.OPEN],
    ).select_related("lot", "buyer")
    for registration in rows.order_by("lot__opens_at")[:PER_KIND]:
        lot = registration.lot
        amount = format_minor(lot.deposit_minor, lot.currency, symbol=True)
        yield Need(
            what=f"Match the deposit of {registration.buyer}",
            url=reverse("auctions:detail", args=[lot.pk]),
            detail=f"{amount} for lot {lot.reference}.",
            act="Match",
            due=lot.opens_at,
        )


def payments_to_record(desk: Desk) -> Iterator[Need]:
    """Signed deals whose price has not arrived."""
    rows = Deal.objects.filter(state=DealState.CONTRACTED).select_related("buyer")
    for deal in rows[:PER_KIND]:
        owed = format_minor(balance_due(deal), deal.currency, symbol=True)
        yield Need(
            what=f"Match the payment of {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail=f"{deal.buyer} owes {owed}.",
            act="Match",
            due=step_due(deal),
        )


def deals_closed_lately(desk: Desk) -> Iterator[Need]:
    """Deals closed within a week."""
    rows = Deal.objects.filter(state=DealState.CLOSED, closed_at__gte=desk.now - timedelta(days=7))
    for deal in rows.order_by("-closed_at")[:PER_KIND]:
        yield Need(
            what=f"Audit {deal.reference}",
            url=reverse("transfers:detail", args=[deal.pk]),
            detail="Closed within the last seven days.",
        )


def stuck_messages(desk: Desk) -> Iterator[Need]:
    """Effects after commit that failed several times: somebody must mend the cause."""
    stuck = outbox.stuck_messages().count()
    if stuck:
        yield Need(
            what="Look into undelivered messages",
            url=reverse("evidence:list"),
            detail=f"{stuck:,} effects of recorded acts have failed {outbox.STUCK_ATTEMPTS} times "
            "or more. Each is tried again, at least every 10 minutes, until it succeeds.",
            tone="bad",
        )
