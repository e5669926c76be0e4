"""Every address of the portal and of the API."""

from django.urls import include, path

from npa_market.parties.views import own_address

urlpatterns = [
    path("", include("npa_market.portal.urls")),
    # Before allauth's page of the same name: people do not change their own address.
    path("accounts/email/", own_address, name="account_email"),
    path("accounts/", include("allauth.urls")),
    path("organisations/", include("npa_market.parties.urls")),
    path("evidence/", include("npa_market.evidence.urls")),
    path("ledger/", include("npa_market.ledger.urls")),
    path("tapes/", include("npa_market.tapes.urls")),
    path("packages/", include("npa_market.packages.urls")),
    path("valuations/", include("npa_market.valuation.urls")),
    path("data-rooms/", include("npa_market.diligence.urls")),
    path("notices/", include("npa_market.auctions.notices.urls")),
    path("lots/", include("npa_market.auctions.urls")),
    path("deals/", include("npa_market.transfers.urls")),
    path("statements/", include("npa_market.settlement.urls")),
    path("api/", include("npa_market.config.api_urls")),
]

handler400 = "npa_market.portal.errors.bad_request"
handler403 = "npa_market.portal.errors.forbidden"
handler404 = "npa_market.portal.errors.not_found"
handler500 = "npa_market.portal.errors.fault"
