from django.urls import path

from npa_market.diligence import views

app_name = "diligence"
urlpatterns = [
    path("", views.room_list, name="list"),
    path("packages/<uuid:package_id>/", views.package_page, name="package"),
    path("packages/<uuid:package_id>/open/", views.room_open, name="open"),
    path("reports/<uuid:report_id>/", views.report_page, name="report"),
    path("reports/<uuid:report_id>/file/", views.report_file, name="report-file"),
    path("<uuid:room_id>/", views.room_page, name="room"),
    path("<uuid:room_id>/nda/", views.nda_page, name="nda"),
    path("<uuid:room_id>/documents/", views.room_document, name="document"),
    path("<uuid:room_id>/access-log/", views.access_log, name="access-log"),
    path("<uuid:room_id>/revoke/", views.admission_revoke, name="revoke"),
    path("<uuid:room_id>/close/", views.room_close, name="close"),
]
