"""What the application of files shows. Who asks it learns from its web server alone."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tests.sandbox import conf

# The application's own session, which the gateway ends with the site's (docs/gateway.md 6).
OWN = "files-session"


@never_cache
@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """List the files."""
    return _show(request, "front")


@never_cache
@require_safe
def opening_hours(request: HttpRequest) -> HttpResponse:
    """Show a file that is for everybody."""
    return _show(request, "opening_hours")


@never_cache
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Show what only caseworkers may see; the rule says so, not this view."""
    return _show(request, "desk")


def _show(request: HttpRequest, name: str) -> HttpResponse:
    caller: Any = request.caller  # type: ignore[attr-defined]
    since = request.COOKIES.get(OWN, "")
    context = {"caller": caller, "site": conf.site_origin(), "since": since}
    if caller.name and not since:
        context["since"] = since = f"{timezone.localtime():%H:%M:%S}"
    response = render(request, f"files/{name}.html", context)
    if caller.name:
        response.set_cookie(OWN, since, httponly=True, samesite="Lax")
    return response
