"""API tokens at the door: token and person by one statement, compiled once."""

from hmac import compare_digest

from django.db.models import Q
from django.db.models.functions import Now
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed

from npa_market.common.statements import Statement, columns, instances
from npa_market.parties.models import User


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
            known, user = instances(row, AuthToken, User)
            if not compare_digest(digest, known.digest):
                continue
            if not user.is_active:
                raise AuthenticationFailed("This person may no longer sign in.")
            known.user = user
            return user, known
        raise AuthenticationFailed("This token is unknown or has expired.")


class TokenScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    """Tells the API's schema that the header is knox's."""

    target_class = "npa_market.parties.tokens.PreparedTokenAuthentication"


_TOKENS = Statement(
    lambda *, token_key: AuthToken.objects.filter(
        Q(expiry=None) | Q(expiry__gt=Now()), token_key=token_key
    ).values_list(*columns(AuthToken), *columns(User, "user__"))
)
