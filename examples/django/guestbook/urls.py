from django.urls import path

from . import views

urlpatterns = [
    path("", views.index, name="index"),
    path("entries.csv", views.entries_csv, name="entries-csv"),
    path("health", views.health, name="health"),
]
