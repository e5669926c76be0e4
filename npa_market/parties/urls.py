from django.urls import path

from npa_market.parties import views

app_name = "parties"
urlpatterns = [
    path("", views.institutions, name="list"),
    path("<uuid:organisation_id>/", views.institution, name="detail"),
    path("<uuid:organisation_id>/bid-limit-rule/", views.set_bid_limit_rule, name="bid_limit_rule"),
    path("<uuid:organisation_id>/qualification/", views.decide_qualification, name="decide"),
    path("<uuid:organisation_id>/delivery-key/", views.set_delivery_key, name="delivery_key"),
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<slug:token_key>/revoke/", views.revoke_token, name="revoke_token"),
]
