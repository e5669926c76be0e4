"""What the frame of each page shows: the rooms that this person's roles open."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from npa_market.parties.models import Membership, Organisation
from npa_market.parties.roles import BUYER_ROLES, FINANCE_ROLES, SELLER_ROLES, VENUE_ROLES, Role

EVERYBODY = SELLER_ROLES | BUYER_ROLES | VENUE_ROLES


@dataclass(frozen=True)
class Room:
    """One entry of the main navigation; shown to people with one of the roles."""

    url_name: str
    label: str
    roles: frozenset[Role]


ROOMS = [
    Room("portal:home", "Home", EVERYBODY),
    Room("parties:list", "Institutions", VENUE_ROLES),
    Room("tapes:list", "Tapes", SELLER_ROLES),
    Room("packages:list", "Packages", EVERYBODY),
    Room("valuation:list", "Valuations", SELLER_ROLES | BUYER_ROLES),
    Room("diligence:list", "Data rooms", EVERYBODY),
    Room("notices:list", "Notices", EVERYBODY),
    Room("auctions:list", "Lots", EVERYBODY),
    Room("auctions:control", "Control room", frozenset({Role.OPERATOR})),
    Room("transfers:list", "Deals", EVERYBODY),
    Room("settlement:list", "Statements", EVERYBODY),
    Room("ledger:journal", "Ledger", FINANCE_ROLES | VENUE_ROLES),
    Room("evidence:list", "Evidence", VENUE_ROLES),
]


@dataclass(frozen=True)
class Link:
    url: str
    label: str
    is_here: bool


def room_links(roles: frozenset[Role], path: str) -> Iterator[Link]:
    """Links of the rooms open to these roles; the one that `path` is in is marked.

    A room within another's address is the nearer one, and the only one marked.
    """
    rooms = [(reverse(room.url_name), room.label) for room in ROOMS if room.roles & roles]
    around = [url for url, _ in rooms if path == url or (url != "/" and path.startswith(url))]
    here = max(around, key=len, default=None)
    for url, label in rooms:
        yield Link(url, label, url == here)


class Frame:
    """Read by the templates when they need it; costs nothing on pages that do not."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def _memberships(self) -> list[Membership]:
        user = getattr(self._request, "user", None)
        return user.active_memberships if user is not None and user.is_authenticated else []

    @property
    def links(self) -> list[Link]:
        roles = frozenset(Role(membership.role) for membership in self._memberships)
        return list(room_links(roles, self._request.path))

    @property
    def acting(self) -> Organisation | None:
        return getattr(self._request, "organisation", None) or None

    @property
    def acting_roles(self) -> list[str]:
        acting = self.acting
        return [
            membership.get_role_display()
            for membership in self._memberships
            if acting is not None and membership.organisation_id == acting.pk
        ]

    @property
    def institutions(self) -> list[Organisation]:
        """Each institution the person works for, once."""
        return list({row.organisation_id: row.organisation for row in self._memberships}.values())

    @property
    def is_entrance(self) -> bool:
        return self._request.path.startswith("/accounts/")


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context for `base.html`."""
    return {"frame": Frame(request)}
