"""Where what is answered."""

from django.urls import path

from departures import views

urlpatterns = [
    path("", views.board),
    path("api/next", views.following),
]
