"""Addresses of notices."""

from django.urls import path

from npa_market.auctions.notices import views

app_name = "notices"
urlpatterns = [
    path("", views.notice_list, name="list"),
    path("new/", views.notice_new, name="new"),
    path("<uuid:notice_id>/", views.notice_detail, name="detail"),
    path("<uuid:notice_id>/document/", views.notice_document, name="document"),
    path("<uuid:notice_id>/withdraw/", views.notice_withdraw, name="withdraw"),
]
