from django.urls import path

from npa_market.transfers import views

app_name = "transfers"
urlpatterns = [
    path("", views.deal_list, name="list"),
    path("<uuid:deal_id>/", views.deal_detail, name="detail"),
    path("<uuid:deal_id>/allocation/", views.deal_allocation, name="allocation"),
    path("<uuid:deal_id>/contract.pdf", views.deal_contract, name="contract"),
    path("<uuid:deal_id>/sign/", views.deal_sign, name="sign"),
    path("<uuid:deal_id>/exclude/", views.deal_exclude, name="exclude"),
    path("<uuid:deal_id>/payment/", views.deal_payment, name="payment"),
    path("<uuid:deal_id>/release/", views.deal_release, name="release"),
    path("<uuid:deal_id>/release-again/", views.deal_release_again, name="release_again"),
    path("<uuid:deal_id>/file/", views.deal_take, name="take"),
    path("<uuid:deal_id>/receipt/", views.deal_receipt, name="receipt"),
    path("<uuid:deal_id>/erase-copies/", views.deal_erase_copies, name="erase_copies"),
    path("<uuid:deal_id>/cancel/", views.deal_cancel, name="cancel"),
]
