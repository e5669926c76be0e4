"""The request as pages behind a door see it."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from npa_market.parties.models import Organisation, User


class MemberRequest(HttpRequest):
    """A request let in by `access`: a signed-in person, acting for one of their institutions."""

    user: User
    organisation: Organisation
    htmx: HtmxDetails
