from django.urls import path

from npa_market.evidence import views

app_name = "evidence"
urlpatterns = [
    path("", views.entries, name="list"),
    path("own-acts.jsonl", views.own_acts_file, name="own_acts"),
    path("<slug:payload_sha256>/", views.entry_detail, name="detail"),
]
