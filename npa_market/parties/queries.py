"""Reads of institutions and of a person's own tokens."""

from django.db.models import QuerySet
from knox.models import AuthToken

from npa_market.common.clock import database_now
from npa_market.parties.models import Membership, Organisation, User


def tokens_in_force(user: User) -> QuerySet[AuthToken]:
    """The person's own API tokens that still open the door, newest first."""
    rows: QuerySet[AuthToken] = AuthToken.objects.filter(user=user, expiry__gt=database_now())
    return rows.order_by("-created")


def people_of(organisation: Organisation) -> QuerySet[Membership]:
    """Who works for the institution now, by name and role."""
    return (
        organisation.memberships.filter(is_active=True)
        .select_related("user")
        .order_by("user__email", "role")
    )
