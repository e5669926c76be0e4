"""Addresses of the bidding room."""

from django.urls import path

from npa_market.auctions.guard import views as guard
from npa_market.auctions.sale_events import views as events
from npa_market.auctions.views import (
    announcing,
    bids,
    control,
    detail,
    endings,
    formats,
    live,
    lots,
    protocols,
    registrations,
    sealed,
)

app_name = "auctions"
urlpatterns = [
    path("", lots.lot_list, name="list"),
    path("new/", announcing.lot_new, name="new"),
    path("events/", events.event_list, name="events"),
    path("events/new/", events.event_new, name="event_new"),
    path("events/<uuid:event_id>/", events.event_detail, name="event"),
    path(
        "events/<uuid:event_id>/protocol.json",
        events.event_protocol_json,
        name="event_protocol_json",
    ),
    path(
        "events/<uuid:event_id>/protocol.pdf",
        events.event_protocol_on_paper,
        name="event_protocol_pdf",
    ),
    path("templates/<uuid:template_id>/delete/", announcing.terms_delete, name="terms_delete"),
    path("control/", control.control_room, name="control"),
    path("<uuid:lot_id>/", detail.lot_detail, name="detail"),
    path("check_protocol.py", protocols.check_program, name="check_program"),
    path("<uuid:lot_id>/protocol.json", protocols.lot_protocol_json, name="protocol_json"),
    path("<uuid:lot_id>/protocol.pdf", protocols.lot_protocol_pdf, name="protocol_pdf"),
    path("<uuid:lot_id>/accept-price/", formats.lot_accept_price, name="accept_price"),
    path("<uuid:lot_id>/round-bid/", formats.lot_round_bid, name="round_bid"),
    path("<uuid:lot_id>/offer/", formats.lot_offer, name="offer"),
    path("<uuid:lot_id>/answer/", formats.lot_answer, name="answer"),
    path("<uuid:lot_id>/cancel/", endings.lot_cancel, name="cancel"),
    path("<uuid:lot_id>/withdraw/", endings.lot_withdraw, name="withdraw"),
    path("<uuid:lot_id>/suspend/", control.lot_suspend, name="suspend"),
    path("<uuid:lot_id>/resume/", control.lot_resume, name="resume"),
    path("<uuid:lot_id>/feed/", live.lot_feed, name="feed"),
    path("<uuid:lot_id>/state/", live.lot_state, name="state"),
    path("<uuid:lot_id>/bid/", bids.lot_bid, name="bid"),
    path("seal.py", sealed.seal_tool, name="seal_tool"),
    path("<uuid:lot_id>/sheet.json", sealed.bid_sheet, name="sheet"),
    path("<uuid:lot_id>/envelope/", sealed.envelope_submit, name="envelope_submit"),
    path("<uuid:lot_id>/envelope/seal/", sealed.envelope_seal, name="envelope_seal"),
    path("<uuid:lot_id>/envelope/withdraw/", sealed.envelope_withdraw, name="envelope_withdraw"),
    path("<uuid:lot_id>/envelope/receipt.json", sealed.own_receipt, name="own_receipt"),
    path("<uuid:lot_id>/opening/", sealed.lot_opening, name="opening"),
    path("<uuid:lot_id>/reveal/", sealed.lot_reveal, name="reveal"),
    path("<uuid:lot_id>/limit/propose/", guard.limit_propose, name="limit_propose"),
    path("<uuid:lot_id>/limit/approve/", guard.limit_approve, name="limit_approve"),
    path("<uuid:lot_id>/limit/withdraw/", guard.limit_withdraw, name="limit_withdraw"),
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
    path(
        "registrations/<uuid:registration_id>/deposit/unmatch/",
        registrations.deposit_unmatch,
        name="unmatch",
    ),
    path(
        "registrations/<uuid:registration_id>/withdraw/",
        registrations.registration_withdraw,
        name="withdraw_registration",
    ),
]
