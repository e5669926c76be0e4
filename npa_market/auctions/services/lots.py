"""A lot begins: a sealed package is announced under fixed terms."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction

from npa_market.auctions.core import LotTerms
from npa_market.auctions.models import Invitation, Lot, SaleEvent
from npa_market.auctions.notices.services import publish_announcement
from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput, Refused
from npa_market.common.ids import next_reference
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import Organisation, QualificationState, User
from npa_market.parties.permissions import require
from npa_market.parties.roles import OrganisationKind

MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where in an event a lot stands, from 1 on; `whole_start_minor` on the first lot alone."""

    event: SaleEvent
    number: int
    whole_start_minor: int | None


MAX_INVITEES = 200
_QUALIFIED = {
    "kind": OrganisationKind.BUYER.value,
    "qualification": QualificationState.QUALIFIED.value,
}


@transaction.atomic
def announce_lot(
    *,
    user: User,
    package_id: UUID,
    title: str,
    terms: LotTerms,
    remark: str = "",
    contact: str = "",
    reannounces: UUID | None = None,
    invitees: Collection[UUID] | None = None,
    place: Place | None = None,
) -> Lot:
    """Offer a sealed package once under these terms; the seller's approver.

    `invitees` are the institutions that may buy, by key; None = all that the venue has qualified.
    `reannounces` names the lot that is offered again (unsold, cancelled, or sold in a deal that was
    cancelled): of the same package or an earlier version of it, and only once. `place` is for lots
    of an event, which are announced all together (see `sale_events.services`). The announcement
    with its figures is published in the same transaction (see `notices`).

    Fee and tax rates are copied from the venue's settings, so a later change does not reach back.
    Raises InvalidInput naming the first unsound term, Refused `unknown_package`,
    `package_not_sealed`, `package_taken`, `unknown_lot`, `lot_not_ended`, `reannounced_already`,
    `other_package`, `unknown_buyer`, InvalidInput `invitees_wrong`, `notice_too_short`.
    """
    package = (
        Package.objects.select_for_update(of=("self",))
        .select_related("seller")
        .filter(pk=package_id)
        .first()
    )
    if package is None:
        raise Refused("unknown_package", "There is no such package.", field="package")
    require(user, "auctions.announce_lot", package)
    words = title.strip()
    if not words or len(words) > MAX_TITLE:
        raise InvalidInput(
            "title_needed", f"Give a title of 1 to {MAX_TITLE} characters.", field="title"
        )
    now = database_now()
    for problem in terms.problems(now):
        raise InvalidInput(problem.code, problem.message, field=problem.field)
    if package.state != PackageState.SEALED:
        raise Refused(
            "package_not_sealed", "Only a sealed package can be offered.", field="package"
        )
    if package.lots.binding().exists():
        raise Refused("package_taken", "This package is in another lot already.", field="package")
    _require_known_buyer(terms)
    invited = _invited_buyers(terms, invitees)
    lot = lot_under(package, words, terms)
    lot.reference = next_reference("LOT")
    lot.by_invitation = invited is not None
    lot.reannounces = _earlier_lot(reannounces, package)
    lot.announced_at, lot.created_by = now, user
    if place is not None:
        lot.sale_event, lot.event_place = place.event, place.number
        lot.whole_start_minor = place.whole_start_minor
    lot.save(force_insert=True)
    _record_announcement(lot, user)
    _invite(lot, invited or [], user)
    publish_announcement(user=user, lot=lot, remark=remark, contact=contact)
    return lot


def _earlier_lot(lot_id: UUID | None, package: Package) -> Lot | None:
    """The lot that is offered again, locked so that two successors wait for each other."""
    if lot_id is None:
        return None
    earlier = (
        Lot.objects.select_for_update(of=("self",))
        .select_related("package")
        .filter(pk=lot_id, package__seller=package.seller_id)
        .first()
    )
    if earlier is None:
        raise Refused("unknown_lot", "There is no such lot of yours.")
    if not earlier.is_free_again:
        words = "Only a lot that is unsold, cancelled or of a cancelled deal is announced again."
        raise Refused("lot_not_ended", words)
    if earlier.followers.exists():
        raise Refused("reannounced_already", f"{earlier} was announced again already.")
    version: Package | None = package
    while version is not None and version.pk != earlier.package_id:
        version = version.previous
    if version is None:
        raise Refused(
            "other_package",
            f"{earlier} was of {earlier.package}; offer that or a later version of it.",
            field="package",
        )
    return earlier


def _require_known_buyer(terms: LotTerms) -> None:
    """A negotiation is with an institution that the venue has qualified to buy."""
    if not terms.invited:
        return
    if not Organisation.objects.filter(pk=UUID(terms.invited), **_QUALIFIED).exists():
        raise Refused("unknown_buyer", "No qualified buyer has this name.", field="invited")


def _invited_buyers(
    terms: LotTerms, invitees: Collection[UUID] | None
) -> list[Organisation] | None:
    """The institutions that are invited by name; None where all qualified ones may buy."""
    if invitees is None:
        return None
    keys = set(invitees)
    if terms.invited or not 0 < len(keys) <= MAX_INVITEES:
        words = f"Invite 1 to {MAX_INVITEES} institutions; a negotiation has its one invited buyer."
        raise InvalidInput("invitees_wrong", words, field="invitees")
    found = list(Organisation.objects.filter(pk__in=keys, **_QUALIFIED).order_by("pk"))
    if len(found) < len(keys):
        words = "The venue has not qualified one of these institutions to buy."
        raise Refused("unknown_buyer", words, field="invitees")
    return found


def _invite(lot: Lot, buyers: Sequence[Organisation], user: User) -> None:
    """Entries stand on the invitation: a lot's history tells nobody who else is invited."""
    for buyer in buyers:
        invitation = Invitation.objects.create(lot=lot, buyer=buyer)
        payload = {"lot": lot.reference, "buyer": str(buyer.pk)}
        record(type="lot.buyer_invited", subject=invitation, actor=user, payload=payload)


def lot_under(package: Package, title: str, terms: LotTerms) -> Lot:
    """A lot under these terms (not saved, without a reference)."""
    return Lot(
        package=package,
        title=title,
        currency=package.currency,
        time_zone=terms.time_zone,
        start_price_minor=terms.start_price_minor,
        step_minor=terms.step_minor,
        reserve_minor=terms.reserve_minor,
        deposit_minor=terms.deposit_minor,
        fee_per_100k=settings.VENUE_FEE_PER_100K,
        tax_per_100k=settings.VENUE_TAX_PER_100K,
        window_seconds=terms.window_seconds,
        extension_seconds=terms.extension_seconds,
        registration_ends_at=terms.registration_ends_at,
        opens_at=terms.opens_at,
        first_end_at=terms.ends_at,
        ends_at=terms.ends_at,
        hard_end_at=terms.hard_end_at,
        last_end_at=terms.hard_end_at,
        format=terms.format.value,
        higher_steps=[list(row) for row in terms.higher_steps],
        max_extensions=terms.max_extensions,
        allows_proxy=terms.allows_proxy,
        allows_withdrawal=terms.allows_withdrawal,
        tick_seconds=terms.tick_seconds,
        lowest_price_minor=terms.lowest_price_minor,
        round_seconds=terms.round_seconds,
        best_bid_seconds=terms.best_bid_seconds,
        invited_id=UUID(terms.invited) if terms.invited else None,
    )


def _record_announcement(lot: Lot, user: User) -> None:
    """The terms as every bidder reads them; the reserve stays with the seller."""
    record(
        type="lot.announced",
        subject=lot,
        actor=user,
        payload={
            "lot": lot.reference,
            "package": lot.package.reference,
            "package_sha256": lot.package.content_sha256,
            "reannounces": lot.reannounces.reference if lot.reannounces else "",
            **({"event": lot.sale_event.reference} if lot.sale_event else {}),
            "format": lot.format,
            "by_invitation": lot.by_invitation,
            "currency": lot.currency,
            "start_price_minor": lot.start_price_minor,
            "step_minor": lot.step_minor,
            "deposit_minor": lot.deposit_minor,
            "window_seconds": lot.window_seconds,
            "extension_seconds": lot.extension_seconds,
            "registration_ends_at": lot.registration_ends_at.isoformat(),
            "opens_at": lot.opens_at.isoformat(),
            "ends_at": lot.first_end_at.isoformat(),
            "hard_end_at": lot.hard_end_at.isoformat(),
            "higher_steps": lot.higher_steps,
            "max_extensions": lot.max_extensions,
            "allows_proxy": lot.allows_proxy,
            "allows_withdrawal": lot.allows_withdrawal,
            "tick_seconds": lot.tick_seconds,
            "lowest_price_minor": lot.lowest_price_minor,
            "round_seconds": lot.round_seconds,
            "best_bid_seconds": lot.best_bid_seconds,
        },
    )
