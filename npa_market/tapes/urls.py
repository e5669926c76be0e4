"""Addresses of tapes."""

from django.urls import path

from npa_market.tapes import views

app_name = "tapes"
urlpatterns = [
    path("", views.tapes, name="list"),
    path("upload/", views.upload, name="upload"),
    path("<uuid:tape_id>/", views.detail, name="detail"),
    path("<uuid:tape_id>/loans/", views.loans, name="loans"),
    path("<uuid:tape_id>/rejects.csv", views.rejects, name="rejects"),
    path("<uuid:tape_id>/confirm/", views.confirm, name="confirm"),
    path("<uuid:tape_id>/discard/", views.discard, name="discard"),
    path("<uuid:tape_id>/retry/", views.retry, name="retry"),
]
