"""API tokens at the door: a person with memberships by two statements, compiled once."""

from collections.abc import Sequence
from hmac import compare_digest
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed

from npa_market.common.statements import Statement, columns, instance
from npa_market.parties.models import Membership, Organisation, User


class PreparedTokenAuthentication(TokenAuthentication):  # type: ignore[misc]
    """Knox's authentication without the ORM's cost of building the same queries again.

    A token that has expired by the database's clock, or whose person is not active, opens nothing.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """The person and the token. Raises AuthenticationFailed."""
        try:
            text = token.decode("utf-8")
            digest = hash_token(text)
        except (TypeError, ValueError):
            raise AuthenticationFailed("This token is unknown or has expired.") from None
        for row in _TOKENS.rows(token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH]):
            known, user = _objects(row, AuthToken, User)
            if not compare_digest(digest, known.digest):
                continue
            if not user.is_active:
                raise AuthenticationFailed("This person may no longer sign in.")
            user.active_memberships = memberships_of(user)
            known.user = user
            return user, known
        raise AuthenticationFailed("This token is unknown or has expired.")


class TokenScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """Tells the API's schema that the header is knox's."""

    target_class = "npa_market.parties.tokens.PreparedTokenAuthentication"


def memberships_of(user: User) -> list[Membership]:
    """What `User.active_memberships` holds: memberships in force with their organisations."""
    found = []
    for row in _MEMBERSHIPS.rows(user=user.pk):
        membership, organisation = _objects(row, Membership, Organisation)
        membership.organisation, membership.user = organisation, user
        found.append(membership)
    return found


def _objects(row: Sequence[Any], first: Any, second: Any) -> tuple[Any, Any]:
    width = len(columns(first))
    return instance(first, row[:width]), instance(second, row[width:])


_TOKENS = Statement(
    lambda *, token_key: AuthToken.objects.filter(
        Q(expiry=None) | Q(expiry__gt=Now()), token_key=token_key
    ).values_list(*columns(AuthToken), *columns(User, "user__"))
)
_MEMBERSHIPS = Statement(
    lambda *, user: Membership.objects.filter(user=user, is_active=True).values_list(
        *columns(Membership), *columns(Organisation, "organisation__")
    )
)
