"""Addresses of tapes."""

from django.urls import path

from npa_market.tapes import finding_views, history_views, personal_views, views, workbench_views

app_name = "tapes"
urlpatterns = [
    path("", views.tapes, name="list"),
    path("upload/", views.upload, name="upload"),
    path("fields/", workbench_views.fields, name="fields"),
    path("uploads/<uuid:upload_id>/", workbench_views.workbench, name="workbench"),
    path("uploads/<uuid:upload_id>/layout/", workbench_views.layout, name="layout"),
    path(
        "uploads/<uuid:upload_id>/discard/", workbench_views.discard_upload, name="discard_upload"
    ),
    path("mappings/<uuid:mapping_id>/", workbench_views.mapping, name="mapping"),
    path("access-log/", personal_views.access_log, name="access_log"),
    path("<uuid:tape_id>/", views.detail, name="detail"),
    path("<uuid:tape_id>/loans/", views.loans, name="loans"),
    path("<uuid:tape_id>/loans/<uuid:loan_id>/", personal_views.loan, name="loan"),
    path("<uuid:tape_id>/histories/", history_views.histories, name="histories"),
    path(
        "<uuid:tape_id>/histories/rejects.csv",
        history_views.rejects,
        {"form": "csv"},
        name="history_rejects",
    ),
    path(
        "<uuid:tape_id>/histories/rejects.xlsx",
        history_views.rejects,
        {"form": "xlsx"},
        name="history_rejects_xlsx",
    ),
    path("<uuid:tape_id>/histories/columns/", history_views.columns, name="history_columns"),
    path("<uuid:tape_id>/histories/remove/", history_views.remove, name="remove_history"),
    path("<uuid:tape_id>/findings/", finding_views.findings, name="findings"),
    path("<uuid:tape_id>/findings.csv", finding_views.export, {"form": "csv"}, name="findings_csv"),
    path(
        "<uuid:tape_id>/findings.xlsx", finding_views.export, {"form": "xlsx"}, name="findings_xlsx"
    ),
    path("<uuid:tape_id>/erase/", personal_views.erase, name="erase"),
    path("<uuid:tape_id>/rejects.csv", views.rejects, {"form": "csv"}, name="rejects"),
    path("<uuid:tape_id>/rejects.xlsx", views.rejects, {"form": "xlsx"}, name="rejects_xlsx"),
    path("<uuid:tape_id>/confirm/", views.confirm, name="confirm"),
    path("<uuid:tape_id>/discard/", views.discard, name="discard"),
    path("<uuid:tape_id>/retry/", views.retry, name="retry"),
]
