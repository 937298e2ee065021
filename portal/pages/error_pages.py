"""The pages for what went wrong outside a sign-in."""

from __future__ import annotations

from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template import loader

from accounts import events
from accounts.middleware import wants_page
from portal.door import answers

log = structlog.get_logger("vestibule.pages")


def _answer(request: HttpRequest, status: int, error: str, template: str) -> HttpResponse:
    code = events.new_support_code()
    log.info("page.refused", status=status, support_code=code)
    if not wants_page(request):
        body = {"error": error, "error_description": f"Support code {code}."}
        return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})
    return answers.page(request, template, {"code": code}, status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what cannot be understood."""
    return _answer(request, 400, "invalid_request", "errors/400.html")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer who may not come in."""
    return _answer(request, 403, "access_denied", "errors/403.html")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what is not there."""
    return _answer(request, 404, "invalid_request", "errors/404.html")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from one of our pages, or came after the cookie was gone."""
    return _answer(request, 403, "access_denied", "errors/csrf.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a defect of ours: nothing here may depend on a database, a session or a setting."""
    code = events.new_support_code()
    log.error("page.server_error", support_code=code)
    if not wants_page(request):
        body: dict[str, Any] = {
            "error": "server_error",
            "error_description": f"Support code {code}.",
        }
        return JsonResponse(body, status=500)
    page = loader.get_template("errors/500.html").render({"code": code})
    return HttpResponseServerError(page)
