"""The admin site: people enter it as they enter everything else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _


class VestibuleAdminSite(AdminSite):
    """Sends people to `/login` and, when they leave, through the chart."""

    site_header = "Vestibule"
    site_title = "Vestibule"
    index_title = _("Administration")

    @method_decorator(login_not_required)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send strangers to the door. Raises `PermissionDenied` for people without the right."""
        if request.user.is_authenticated:
            raise PermissionDenied
        next_url = request.GET.get("next", request.get_full_path())
        return HttpResponseRedirect("/login?" + urlencode({"next": next_url}))

    def logout(  # type: ignore[override]  # a redirect is an answer too
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leave by the chart, which asks for a click of its own."""
        return HttpResponseRedirect("/auth/logout")

    def password_change(  # type: ignore[override]  # as above
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Change the password where everybody does."""
        return HttpResponseRedirect("/account/password")
