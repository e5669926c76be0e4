from django.urls import path

from npa_market.valuation import views

app_name = "valuation"
urlpatterns = [
    path("", views.valuation_list, name="list"),
    path("new/", views.valuation_new, name="new"),
    path("compare/", views.valuation_compare, name="compare"),
    path("<uuid:valuation_id>/", views.valuation_detail, name="detail"),
    path("<uuid:valuation_id>/cancel/", views.valuation_cancel, name="cancel"),
    path("<uuid:valuation_id>/resume/", views.valuation_resume, name="resume"),
    path("<uuid:valuation_id>/workbook.xlsx", views.valuation_workbook, name="workbook"),
    path("<uuid:valuation_id>/loans.parquet", views.valuation_allocation, name="allocation"),
]
