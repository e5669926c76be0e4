from django.http import HttpResponse
from django.urls import path

app_name = "tapes"
urlpatterns = [path("<uuid:tape_id>/", lambda request, tape_id: HttpResponse(""), name="detail")]
