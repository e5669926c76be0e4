"""Each address declares who may open it; an address without a declaration fails the tests.

The declaration decides on the door. Which rows a person sees is decided by `visible_to`, and
which acts they may do by the permission that the service requires.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from rest_framework.permissions import BasePermission

from npa_market.parties.roles import Role

if TYPE_CHECKING:  # rest_framework.views loads the permission classes of the settings, so this one
    from rest_framework.request import Request
    from rest_framework.views import APIView

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class AccessRule:
    """Public, or for signed-in people who have one of the roles (none named = any member)."""

    is_public: bool = False
    roles: frozenset[Role] = frozenset()

    def admits(self, user: Any) -> bool:
        """May this (signed-in) user open the door?"""
        if self.is_public:
            return True
        return bool(user.roles() & self.roles) if self.roles else bool(user.active_memberships)


PUBLIC = AccessRule(is_public=True)
MEMBERS = AccessRule()


def access_for(*roles: Role) -> AccessRule:
    """A rule for people with one of the roles."""
    return AccessRule(roles=frozenset(roles))


def _refusal(rule: AccessRule, request: HttpRequest) -> HttpResponseBase | None:
    if rule.is_public:
        return None
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if not rule.admits(request.user):
        raise PermissionDenied("Your role does not open this page.")
    return None


def access(rule: AccessRule) -> Callable[[View], View]:
    """Declare and enforce the rule of a page; works for sync and async views."""

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                refusal = await sync_to_async(_refusal)(rule, request)
                return refusal or await view(request, *args, **kwargs)

        else:

            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                return _refusal(rule, request) or view(request, *args, **kwargs)

        guarded.access_rule = rule  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


class DeclaredAccess(BasePermission):
    """API: the view class carries `access_rule`; without one the door stays shut.

    `access_by_action` names the actions of a viewset that have another rule.
    """

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        rule: AccessRule | None = getattr(view, "access_rule", None)
        by_action: dict[str, AccessRule] = getattr(view, "access_by_action", {})
        rule = by_action.get(getattr(view, "action", None) or "", rule)
        if rule is None:
            return False
        if rule.is_public:
            return True
        return bool(request.user and request.user.is_authenticated and rule.admits(request.user))
