from django.urls import path

from npa_market.valuation import fit_views as fits
from npa_market.valuation import scenario_views as editor
from npa_market.valuation import views

app_name = "valuation"
urlpatterns = [
    path("", views.valuation_list, name="list"),
    path("new/", views.valuation_new, name="new"),
    path("compare/", views.valuation_compare, name="compare"),
    path("calibrations/", fits.fit_list, name="fits"),
    path("calibrations/new/", fits.fit_new, name="fit-new"),
    path("calibrations/<uuid:fit_id>/", fits.fit_detail, name="fit"),
    path("calibrations/<uuid:fit_id>/calibration.json", fits.fit_file, name="fit-file"),
    path("<uuid:valuation_id>/", views.valuation_detail, name="detail"),
    path("<uuid:valuation_id>/cancel/", views.valuation_cancel, name="cancel"),
    path("<uuid:valuation_id>/resume/", views.valuation_resume, name="resume"),
    path("<uuid:valuation_id>/scenarios/", editor.scenario_page, name="scenarios"),
    path("<uuid:valuation_id>/scenarios/reprice/", editor.scenario_reprice, name="reprice"),
    path(
        "<uuid:valuation_id>/scenarios/<uuid:scenario_id>/duplicate/",
        editor.scenario_duplicate,
        name="scenario-duplicate",
    ),
    path(
        "<uuid:valuation_id>/scenarios/<uuid:scenario_id>/delete/",
        editor.scenario_delete,
        name="scenario-delete",
    ),
    path(
        "<uuid:valuation_id>/scenarios/<uuid:scenario_id>/restore/",
        editor.scenario_restore,
        name="scenario-restore",
    ),
    path("<uuid:valuation_id>/workbook.xlsx", views.valuation_workbook, name="workbook"),
    path("<uuid:valuation_id>/<slug:table>.parquet", views.valuation_table, name="table"),
]
