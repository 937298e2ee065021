"""The addresses of the application of files."""

from django.urls import path
from django.views.i18n import set_language

from tests.sandbox.files import pages
from tests.sandbox.views.home import alive

urlpatterns = [
    path("", pages.front),
    path("opening-hours", pages.opening_hours),
    path("desk/", pages.desk),
    path("healthz", alive),
    path("i18n/setlang/", set_language, name="set_language"),
]
