from django.urls import path

from npa_market.settlement import views

app_name = "settlement"
urlpatterns = [
    path("", views.statement_list, name="list"),
    path("of-deal/<uuid:deal_id>/", views.statement_new, name="new"),
    path("<uuid:statement_id>/", views.statement_detail, name="detail"),
    path("<uuid:statement_id>/agree/", views.statement_agree, name="agree"),
    path(
        "<uuid:statement_id>/workbook.xlsx",
        views.statement_file,
        {"name": "workbook.xlsx"},
        name="workbook",
    ),
    path(
        "<uuid:statement_id>/journal.csv",
        views.statement_file,
        {"name": "journal.csv"},
        name="journal",
    ),
    path(
        "<uuid:statement_id>/closing-journal.csv",
        views.statement_file,
        {"name": "closing-journal.csv"},
        name="closing_journal",
    ),
]
