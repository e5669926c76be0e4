"""Addresses of the bidding room."""

from django.urls import path

from npa_market.auctions.views import bids, live, lots, registrations

app_name = "auctions"
urlpatterns = [
    path("", lots.lot_list, name="list"),
    path("new/", lots.lot_new, name="new"),
    path("<uuid:lot_id>/", lots.lot_detail, name="detail"),
    path("<uuid:lot_id>/cancel/", lots.lot_cancel, name="cancel"),
    path("<uuid:lot_id>/feed/", live.lot_feed, name="feed"),
    path("<uuid:lot_id>/state/", live.lot_state, name="state"),
    path("<uuid:lot_id>/bid/", bids.lot_bid, name="bid"),
    path("<uuid:lot_id>/register/", registrations.lot_register, name="register"),
    path(
        "registrations/<uuid:registration_id>/admit/",
        registrations.registration_admit,
        name="admit",
    ),
    path(
        "registrations/<uuid:registration_id>/refuse/",
        registrations.registration_refuse,
        name="refuse",
    ),
    path(
        "registrations/<uuid:registration_id>/deposit/",
        registrations.deposit_confirm,
        name="deposit",
    ),
]
