"""The API: one router; each app's `api.py` has a list `ROUTES` of (prefix, viewset, basename)."""

from types import ModuleType

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import APIRootView, DefaultRouter

from npa_market.auctions import api as auctions_api
from npa_market.auctions.sale_events import api as sale_events_api
from npa_market.diligence import api as diligence_api
from npa_market.ledger import api as ledger_api
from npa_market.packages import api as packages_api
from npa_market.parties import api as parties_api
from npa_market.parties.access import MEMBERS, PUBLIC
from npa_market.settlement import api as settlement_api
from npa_market.tapes import api as tapes_api
from npa_market.transfers import api as transfers_api
from npa_market.valuation import api as valuation_api


class Root(APIRootView):
    """The lists of the API."""

    access_rule = MEMBERS


class Router(DefaultRouter):
    """One address per resource: the form of an answer is asked for by header."""

    include_format_suffixes = False
    APIRootView = Root


class SchemaView(SpectacularAPIView):
    """OpenAPI 3 of everything under /api/v1/."""

    access_rule = PUBLIC


class DocsView(SpectacularSwaggerSplitView):
    """The schema to read and try; its script is a file of its own, as the CSP asks."""

    access_rule = PUBLIC


router = Router()
API_MODULES: list[ModuleType] = [
    parties_api,
    tapes_api,
    auctions_api,
    sale_events_api,
    packages_api,
    valuation_api,
    diligence_api,
    ledger_api,
    transfers_api,
    settlement_api,
]
for module in API_MODULES:
    for prefix, viewset, basename in module.ROUTES:
        router.register(prefix, viewset, basename=basename)

urlpatterns = [
    path("v1/", include((router.urls, "api"), namespace="v1")),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(url_name="schema"), name="api-docs"),
]
