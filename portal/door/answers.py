"""From values to the responses that every room gives."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts import errors, events
from accounts.errors import ProtocolError, TemporarilyUnavailable
from accounts.provider import LoginFlow
from accounts.source import outage
from portal.door import cookies, incoming


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Return a page that no cache keeps."""
    response = render(request, template, dict(context or {}), status=status)
    response["Cache-Control"] = "no-store"
    return response


def see_other(url: str) -> HttpResponseRedirect:
    """Return a 303 that no cache keeps: what was posted is done, look there."""
    response = HttpResponseRedirect(url, status=303)
    response["Cache-Control"] = "no-store"
    return response


def with_retry_after(response: HttpResponse, error: ProtocolError) -> HttpResponse:
    """Tell when to try again, where the error knows."""
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
    return response


def fail(
    request: HttpRequest, error: ProtocolError, slug: str, login_flow: LoginFlow | None = None
) -> HttpResponse:
    """Record a failed login and lead to its page. Nothing else is changed."""
    code = record_failure(request, error, slug)
    query = "?" + urlencode({"next": login_flow.next}) if login_flow and login_flow.next else ""
    response = see_other(f"/login/failed/{code}{query}")
    if login_flow:
        cookies.forget_flow(response, login_flow)
    return response


def record_failure(request: HttpRequest, error: ProtocolError, slug: str) -> str:
    """Write the one event of a failed login. Returns its support code."""
    if error.reason == errors.UNAVAILABLE:
        outage.note(slug)
    code = events.new_support_code()
    failed = events.event(
        "login.failed",
        incoming.visit(request),
        support_code=code,
        reason=error.reason,
        source=slug[:50],
        detail=f"{error.error}: {error.description}",
    )
    events.record(failed)
    return code
