from django.urls import path

from npa_market.ledger import views

app_name = "ledger"
urlpatterns = [
    path("", views.journal, name="journal"),
    path("deposits/", views.holds, name="holds"),
    path("balances/", views.balances, name="balances"),
]
