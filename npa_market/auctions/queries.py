"""Reads of lots that more than one door needs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from npa_market.auctions.core import Standing
from npa_market.auctions.guard.door import Guard
from npa_market.auctions.guard.models import BidLimit, LimitState
from npa_market.auctions.log import ACTS_OF_BIDDERS, FIXING, STOPPED
from npa_market.auctions.models import (
    BidOutcome,
    Invitation,
    Lot,
    LotEvent,
    Registration,
    RegistrationState,
)
from npa_market.common.statements import Statement
from npa_market.diligence.models import Admission
from npa_market.evidence.models import Entry
from npa_market.ledger.models import Hold, HoldState
from npa_market.packages.models import Package
from npa_market.parties.models import Membership, Organisation, QualificationState
from npa_market.parties.roles import OrganisationKind


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event as everybody who may see the lot sees it: a label where the log has a bidder."""

    lot_id: UUID
    seq: int
    kind: str
    label: str
    decided_at: datetime
    amount_minor: int | None
    ends_at: datetime | None
    reason: str
    party: str = ""
    refers_to: int | None = None


def outcome_of(*, buyer: Organisation, request_id: UUID) -> BidOutcome | None:
    """What this bidder's request was answered; None = the venue never decided it (A3)."""
    return (
        BidOutcome.objects.filter(buyer=buyer, request_id=request_id)
        .select_related("lot", "event")
        .first()
    )


def outcomes_of(numbers: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], BidOutcome]:
    """Stored answers by (buyer's key, request number), for those that have one (A3)."""
    wanted = set(numbers)
    known = _DECIDED.rows(
        buyers=[buyer for buyer, _ in wanted], requests=[number for _, number in wanted]
    )
    keys = [key for key, buyer, request_id in known if (buyer, request_id) in wanted]
    if not keys:
        return {}
    rows = BidOutcome.objects.filter(pk__in=keys).select_related("lot", "event")
    return {(row.buyer_id, row.request_id): row for row in rows}


def standing_of(*, lot: Lot, buyer: Organisation, now: datetime) -> tuple[Standing, str]:
    """What the venue knows about a bidder now, and the bidder's label; one statement (A15)."""
    bidder = bidders_of(lot=lot, buyers=[buyer.pk], now=now)[buyer.pk]
    return bidder.standing, bidder.label


@dataclass(frozen=True, slots=True)
class Bidder:
    """An institution on one lot: its standing, its label, and how it limits itself."""

    standing: Standing
    label: str
    guard: Guard


def bidders_of(*, lot: Lot, buyers: Collection[UUID], now: datetime) -> dict[UUID, Bidder]:
    """Several institutions by key, with their limits, still in one statement."""
    if not buyers:
        return {}
    rows = _BIDDERS.rows(
        buyers=list(buyers),
        lot=lot.pk,
        package=lot.package_id,
        currency=lot.currency,
        deposit_minor=lot.deposit_minor,
    )
    found = (_BidderRow(*row) for row in rows)
    return {row.pk: _bidder(row, lot, now) for row in found}


class _BidderRow(NamedTuple):
    """How an institution stands to one lot, as the database answers `_BIDDERS`."""

    pk: UUID
    kind: str
    qualification: str
    qualified_until: date | None
    requires_bid_limit: bool
    limit_id: UUID | None
    limit_minor: int | None
    label: str | None
    has_signed: bool
    has_deposit: bool
    shares_people: bool
    is_seller: bool
    is_invited: bool


def _bidder(row: _BidderRow, lot: Lot, now: datetime) -> Bidder:
    once_qualified = {QualificationState.QUALIFIED, QualificationState.SUSPENDED}
    has_papers = row.qualified_until is None or row.qualified_until >= now.date()
    standing = Standing(
        is_qualified=(
            row.kind == OrganisationKind.BUYER
            and row.qualification in once_qualified
            and has_papers
        ),
        is_admitted=bool(row.label)
        and row.has_signed
        and (row.is_invited or not lot.by_invitation),
        has_deposit=row.has_deposit,
        is_related_to_seller=row.shares_people or row.is_seller,
        is_suspended=row.qualification == QualificationState.SUSPENDED,
    )
    guard = Guard(row.limit_id, row.limit_minor, row.requires_bid_limit)
    return Bidder(standing, row.label or "", guard)


def _bidders(
    *, buyers: Sequence[UUID], lot: UUID, package: UUID, currency: str, deposit_minor: int
) -> QuerySet[Organisation, Any]:
    """The query behind `_BidderRow`."""
    own = OuterRef("pk")
    admitted = Registration.objects.filter(lot=lot, buyer=own, state=RegistrationState.ADMITTED)
    signed = Admission.objects.filter(room__package=package, buyer=own, revoked_at=None)
    held = Hold.objects.filter(
        lot_id=lot,
        buyer=own,
        state=HoldState.HELD,
        currency=currency,
        amount_minor__gte=deposit_minor,
    )
    shared = Membership.objects.filter(
        organisation=own,
        is_active=True,
        user__memberships__organisation__packages=package,
        user__memberships__is_active=True,
    )
    limit = BidLimit.objects.decisive().filter(lot=lot, buyer=own)
    in_force_minor = Case(When(state=LimitState.IN_FORCE, then=F("amount_minor")), default=0)
    facts = {
        "limit_id": Subquery(limit.values("pk")),
        "limit_minor": Subquery(limit.annotate(minor=in_force_minor).values("minor")),
        "label": Subquery(admitted.values("label")),
        "has_signed": Exists(signed),
        "has_deposit": Exists(held),
        "shares_people": Exists(shared),
        "is_seller": Exists(Package.objects.filter(pk=package, seller=own)),
        "is_invited": Exists(Invitation.objects.filter(lot=lot, buyer=own)),
    }
    return (
        Organisation.objects.filter(pk__in=buyers)
        .annotate(**facts)
        .values_list(*_BidderRow._fields)
    )


_BIDDERS = Statement(_bidders)
_DECIDED = Statement(
    lambda *, buyers, requests: BidOutcome.objects.filter(
        buyer__in=buyers, request_id__in=requests
    ).values_list("pk", "buyer_id", "request_id")
)


def history_of(lot: Lot) -> QuerySet[Entry]:
    """The entries on a lot that its pages show, in order.

    The bids have tables of their own there; what was refused is the bidder's own affair, and the
    hash of the envelopes nobody's before the end (see `discretion`).
    """
    hidden = [*ACTS_OF_BIDDERS, STOPPED, "lot.end_extended"]
    if not lot.is_over:
        hidden.append(FIXING)
    return Entry.objects.about(lot.pk).exclude(type__in=hidden)


def shown_events(which: Q) -> list[ShownEvent]:
    """The events that meet a condition, by lot and number, without names (A20)."""
    label = Registration.objects.filter(lot=OuterRef("lot"), buyer=OuterRef("bidder"))
    rows = (
        LotEvent.objects.filter(which)
        .order_by("lot", "seq")
        .values_list(
            "lot_id",
            "seq",
            "kind",
            Coalesce(Subquery(label.values("label")), Value("")),
            "decided_at",
            "amount_minor",
            "ends_at",
            "reason",
            "party",
            "refers_to",
        )
    )
    return [ShownEvent(*row) for row in rows]
