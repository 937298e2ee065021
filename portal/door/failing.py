"""A login that failed: its one event, and the way to its page."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from accounts import errors, events
from accounts.errors import ProtocolError
from accounts.provider import LoginFlow
from accounts.source import outage
from portal.door import answers, cookies, incoming


def fail(
    request: HttpRequest, error: ProtocolError, slug: str, login_flow: LoginFlow | None = None
) -> HttpResponse:
    """Record a failed login and lead to its page. Nothing else is changed."""
    code = record_failure(request, error, slug)
    query = "?" + urlencode({"next": login_flow.next}) if login_flow and login_flow.next else ""
    response = answers.see_other(f"/login/failed/{code}{query}")
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
