"""May this person do this? Permissions are named predicates (django-rules), one per act.

Each app's `rules.py` adds its own: `rules.add_perm("packages.seal", acts_for("seller", …))`.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import rules

from npa_market.common.errors import NotPermitted
from npa_market.parties.models import User
from npa_market.parties.roles import OrganisationKind, Role


def acts_for(path: str, *roles: Role) -> rules.Predicate:
    """True where the person has one of the roles in the organisation at `path` of the object.

    `path` is an attribute path to an Organisation (`"lot.seller"`), or `""` where the object is
    the organisation itself.
    """
    read: Callable[[Any], Any] = attrgetter(path) if path else (lambda target: target)

    @rules.predicate(name=f"acts_for:{path or 'self'}:{','.join(sorted(roles))}")
    def predicate(user: User, target: Any) -> bool:
        if target is None:
            return False
        organisation = read(target)
        return organisation is not None and user.has_role_in(organisation.pk, roles)

    return predicate


def works_at_venue(*roles: Role) -> rules.Predicate:
    """True where the person has one of the roles at the venue itself."""

    @rules.predicate(name=f"venue:{','.join(sorted(roles))}")
    def predicate(user: User, target: Any = None) -> bool:
        return any(
            membership.role in roles and membership.organisation.kind == OrganisationKind.VENUE
            for membership in user.active_memberships
        )

    return predicate


def may(user: User, permission: str, target: object) -> bool:
    """Has the person this permission on the object? For pages that show or hide a button."""
    return bool(user.is_active and rules.has_perm(permission, user, target))


def require(user: User, permission: str, target: object) -> None:
    """Raise NotPermitted unless the person has the permission; services call it first.

    An unknown permission name is a fault of ours: KeyError.
    """
    if not rules.perm_exists(permission):
        raise KeyError(permission)
    if not may(user, permission, target):
        act = permission.split(".")[-1].replace("_", " ")
        raise NotPermitted(f"Your role does not allow this: {act}.")
