"""What needs this person now: open acts of the roles they have, soonest first.

Each function yields the needs of one kind for the institutions in which the person has the role.
It only reads; the page of the object offers the act.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from npa_market.parties.models import User
from npa_market.parties.roles import Role
from npa_market.portal import needs_of_buyers as buyers
from npa_market.portal import needs_of_sellers as sellers
from npa_market.portal import needs_of_venue as venue
from npa_market.portal.need import Desk, Need

Kind = Callable[[Desk], Iterator[Need]]
FAR_FUTURE = datetime.max.replace(tzinfo=UTC)

NEEDS_OF_ROLE: dict[Role, tuple[Kind, ...]] = {
    Role.SELLER_ANALYST: (
        sellers.imports_to_confirm,
        sellers.failed_imports,
        sellers.tapes_without_package,
        sellers.packages_to_screen,
        sellers.deliveries_to_release,
        sellers.deliveries_to_release_again,
    ),
    Role.VALUER: (sellers.packages_without_value,),
    Role.SELLER_APPROVER: (
        sellers.packages_to_seal,
        sellers.packages_to_offer,
        sellers.contracts_to_sign,
        sellers.deliveries_to_release,
        sellers.deliveries_to_release_again,
    ),
    Role.SELLER_FINANCE: (sellers.statements_to_make, sellers.statements_to_agree),
    Role.BUYER_ANALYST: (buyers.lots_to_study, buyers.lots_with_own_position),
    Role.BUYER_SIGNATORY: (
        buyers.missing_delivery_key,
        buyers.lots_with_own_position,
        buyers.contracts_to_sign,
        buyers.receipts_to_confirm,
        buyers.lots_to_study,
    ),
    Role.BUYER_FINANCE: (buyers.payments_due, buyers.statements_to_agree),
    Role.OPERATOR: (
        venue.institutions_to_decide,
        venue.registrations_to_decide,
        venue.lots_ending_soon,
        venue.stuck_messages,
    ),
    Role.COMPLIANCE: (venue.sealed_lots_to_open, venue.institutions_to_decide),
    Role.NOTARY: (venue.sealed_lots_to_open,),
    Role.VENUE_FINANCE: (venue.deposits_to_confirm, venue.payments_to_record),
    Role.AUDITOR: (venue.deals_closed_lately, venue.stuck_messages),
}


@dataclass(frozen=True)
class Needs:
    """What to show first; `more` counts what did not fit."""

    shown: list[Need]
    more: int

    @property
    def count(self) -> int:
        return len(self.shown) + self.more


def needs_of(user: User, now: datetime, limit: int = 12) -> Needs:
    """Everything that waits for this person, each once, due dates first."""
    found: dict[tuple[str, str], Need] = {}
    for role, kinds in NEEDS_OF_ROLE.items():
        institutions = _institutions_with(user, role)
        if institutions:
            desk = Desk(user, institutions, now)
            for need in _all(kinds, desk):
                found.setdefault((need.what, need.url), need)
    ordered = sorted(found.values(), key=lambda need: need.due or FAR_FUTURE)
    return Needs(ordered[:limit], max(0, len(ordered) - limit))


def _all(kinds: Iterable[Kind], desk: Desk) -> Iterator[Need]:
    for kind in kinds:
        yield from kind(desk)


def _institutions_with(user: User, role: Role) -> frozenset[UUID]:
    return frozenset(
        membership.organisation_id
        for membership in user.active_memberships
        if membership.role == role
    )
