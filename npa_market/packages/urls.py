from django.urls import path

from npa_market.packages import downloads, editing, picking_views, strata_views, views

app_name = "packages"
urlpatterns = [
    path("", views.package_list, name="list"),
    path("new/", editing.package_new, name="new"),
    path("criteria/", editing.package_criteria, name="criteria"),
    path("pick/", picking_views.package_pick, name="pick"),
    path("split/", picking_views.package_split, name="split"),
    path("totals/", editing.package_totals, name="totals"),
    path("<uuid:package_id>/", views.package_detail, name="detail"),
    path("<uuid:package_id>/edit/", editing.package_edit, name="edit"),
    path("<uuid:package_id>/table/", views.package_table, name="table"),
    path("<uuid:package_id>/stratification/", strata_views.package_strata, name="strata"),
    path("<uuid:package_id>/loans/", strata_views.package_loans, name="loans"),
    path("<uuid:package_id>/screen/", views.package_screen, name="screen"),
    path("<uuid:package_id>/seal/", views.package_seal, name="seal"),
    path("<uuid:package_id>/return/", views.package_return, name="return"),
    path("<uuid:package_id>/withdraw/", views.package_withdraw, name="withdraw"),
    path("<uuid:package_id>/version/", views.package_version, name="version"),
    path("<uuid:package_id>/sealed.parquet", downloads.sealed_parquet, name="parquet"),
    path("<uuid:package_id>/sealed.csv", downloads.sealed_csv, name="csv"),
    path("<uuid:package_id>/export/<slug:form>/", downloads.package_export, name="export"),
    path("<uuid:package_id>/manifest.json", downloads.manifest_json, name="manifest"),
]
