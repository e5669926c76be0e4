from django.urls import URLPattern

app_name = "diligence"
urlpatterns: list[URLPattern] = []
