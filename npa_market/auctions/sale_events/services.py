"""An event begins: several sealed packages of one seller are announced under common terms."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from npa_market.auctions.bundle import MAX_LOTS, MIN_LOTS
from npa_market.auctions.models import SaleEvent
from npa_market.auctions.services.lots import MAX_TITLE, Place, announce_lot
from npa_market.auctions.terms import MAX_BID_MINOR, Format, LotTerms
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.ids import next_reference
from npa_market.evidence.services import record
from npa_market.packages.models import Package
from npa_market.parties.models import User
from npa_market.parties.permissions import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One package of an event; amounts in minor units of its currency. Without title its own."""

    package_id: UUID
    start_price_minor: int
    deposit_minor: int
    reserve_minor: int | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """What all lots of an event have in common; times with a zone."""

    registration_ends_at: datetime
    opens_at: datetime
    ends_at: datetime
    time_zone: str = "Asia/Shanghai"
    allows_withdrawal: bool = False


@transaction.atomic
def announce_event(
    *,
    user: User,
    title: str,
    offered: Sequence[Offered],
    timetable: Timetable,
    remark: str = "",
    contact: str = "",
    invitees: Collection[UUID] | None = None,
) -> SaleEvent:
    """Offer 2 to 12 sealed packages of one seller together; the seller's approver.

    Each becomes a lot with sealed bids, with its own key, registrations, deposit, protocol and
    deal; bids for the whole travel in the envelopes of the first. All or none is announced. Raises
    InvalidInput `lots_out_of_range`, `package_twice`, `title_needed`, `amount_too_large`, Refused
    `unknown_package`, `several_sellers`, `several_currencies`, and for a single package what
    `announce_lot` raises, with the package named.
    """
    packages = _packages(user, offered)
    words = title.strip()
    if not words or len(words) > MAX_TITLE:
        raise InvalidInput(
            "title_needed", f"Give a title of 1 to {MAX_TITLE} characters.", field="title"
        )
    whole_start_minor = sum(each.start_price_minor for each in offered)
    if whole_start_minor > MAX_BID_MINOR:
        raise InvalidInput(
            "amount_too_large", "The sum of the start prices is too large.", field="offered"
        )
    event = SaleEvent.objects.create(
        reference=next_reference("EVT"),
        seller=packages[0].seller,
        title=words,
        currency=packages[0].currency,
        created_by=user,
        announced_at=database_now(),
    )
    lots = []
    for number, (each, package) in enumerate(zip(offered, packages, strict=True), 1):
        place = Place(event, number, whole_start_minor if number == 1 else None)
        try:
            lot = announce_lot(
                user=user,
                package_id=package.pk,
                title=each.title or package.title,
                terms=terms_of(each, timetable, place),
                remark=remark,
                contact=contact,
                invitees=invitees,
                place=place,
            )
        except Refused as refusal:
            refusal.message = f"Package {number}, {package.reference}: {refusal.message}"
            refusal.field = f"{refusal.field or 'package'}_{number}"
            raise
        lots.append(lot.reference)
    record(
        type="event.announced",
        subject=event,
        actor=user,
        payload={
            "event": event.reference,
            "lots": lots,
            "currency": event.currency,
            "whole_start_minor": whole_start_minor,
        },
    )
    return event


def terms_of(offered: Offered, timetable: Timetable, place: Place) -> LotTerms:
    """The terms of one lot; there are no steps and no extensions in a sealed lot."""
    return LotTerms(
        format=Format.SEALED,
        start_price_minor=offered.start_price_minor,
        step_minor=1,
        deposit_minor=offered.deposit_minor,
        reserve_minor=offered.reserve_minor,
        registration_ends_at=timetable.registration_ends_at,
        opens_at=timetable.opens_at,
        ends_at=timetable.ends_at,
        hard_end_at=timetable.ends_at,
        time_zone=timetable.time_zone,
        allows_withdrawal=timetable.allows_withdrawal,
        in_event=True,
        whole_start_minor=place.whole_start_minor,
    )


def _packages(user: User, offered: Sequence[Offered]) -> list[Package]:
    """The packages in the order in which they are offered, locked in that of their keys."""
    keys = [each.package_id for each in offered]
    if not MIN_LOTS <= len(keys) <= MAX_LOTS:
        raise InvalidInput(
            "lots_out_of_range", f"Choose {MIN_LOTS} to {MAX_LOTS} packages.", field="packages"
        )
    if len(set(keys)) < len(keys):
        raise InvalidInput("package_twice", "A package stands twice.", field="packages")
    rows = Package.objects.select_for_update(of=("self",)).select_related("seller")
    found = {each.pk: each for each in rows.filter(pk__in=keys).order_by("pk")}
    if len(found) < len(keys):
        raise Refused("unknown_package", "There is no such package.", field="packages")
    packages = [found[key] for key in keys]
    for package in packages:
        require(user, "auctions.announce_lot", package)
    if len({package.seller_id for package in packages}) > 1:
        words = "The packages of an event belong to one seller."
        raise Refused("several_sellers", words, field="packages")
    if len({package.currency for package in packages}) > 1:
        words = "The packages of an event are in one currency."
        raise Refused("several_currencies", words, field="packages")
    return packages
