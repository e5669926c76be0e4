from django.urls import path

from npa_market.portal import health, views

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("jobs/<uuid:job_id>/", views.job, name="job"),
    path("acting-for/", views.acting_for, name="acting_for"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
