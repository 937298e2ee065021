"""The site's addresses, room by room. docs/contract.md says what each answers."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language

from portal.operations import health

urlpatterns = [
    path("", include("portal.pages.urls")),
    path("", include("portal.api.urls")),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("admin/", admin.site.urls),
]

handler400 = "portal.pages.error_pages.bad_request"
handler403 = "portal.pages.error_pages.permission_denied"
handler404 = "portal.pages.error_pages.not_found"
handler500 = "portal.pages.error_pages.server_error"
