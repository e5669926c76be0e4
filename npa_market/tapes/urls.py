from django.urls import URLPattern

app_name = "tapes"
urlpatterns: list[URLPattern] = []
