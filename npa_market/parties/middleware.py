"""Which institution a person acts for in this request."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from npa_market.parties.models import Organisation

SESSION_KEY = "acting_for"


def acting_organisation(request: HttpRequest) -> Organisation | None:
    """The chosen institution where the person still belongs to it, else the first one."""
    if not request.user.is_authenticated:
        return None
    own = {
        str(membership.organisation_id): membership.organisation
        for membership in request.user.active_memberships
    }
    return own.get(request.session.get(SESSION_KEY, "")) or next(iter(own.values()), None)


class ActingOrganisationMiddleware:
    """Sets `request.organisation`, resolved only when somebody asks."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any | Awaitable[Any]:
        request.organisation = SimpleLazyObject(  # type: ignore[attr-defined]
            lambda: acting_organisation(request)
        )
        return self.get_response(request)
