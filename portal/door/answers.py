"""From values to the responses that every room gives."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext

from accounts import errors, events
from accounts.errors import ProtocolError, TemporarilyUnavailable, TooManyRequests
from accounts.login import flow, lockout
from accounts.offers import offered
from accounts.provider import LoginFlow
from accounts.source import catalogue, outage
from portal.door import cookies, incoming, routes, wishes

log = structlog.get_logger("vestibule.login")

# In the address of the page of a failure: another way in was to be added, nobody to sign in.
LINKING = "link"
# Where answers count that cost no upstream a call.
_UNASKED = "/auth/callback"
# While a browser's next try at the source that refused it asks for somebody else.
_REFUSED_SECONDS = 600


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


def over_already(request: HttpRequest, url: str) -> HttpResponseRedirect:
    """Lead back to the list of what a person has: what they meant to end is there no more, or is
    not theirs, which reads the same.
    """
    messages.warning(request, gettext("That was over already."))
    return see_other(url)


def with_retry_after(response: HttpResponse, error: ProtocolError) -> HttpResponse:
    """Tell when to try again, where the error knows."""
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
    return response


def fail(
    request: HttpRequest,
    error: ProtocolError,
    slug: str,
    login_flow: LoginFlow | None = None,
    *,
    next_url: str = "",
    linking: bool = False,
    cost: int = 1,
) -> HttpResponse:
    """Record a failed login and lead to its page, which leads the same way again.

    `next_url` is where a sign-in without a flow would have gone on to; `linking` says that without
    one another way in was to be added: its page leads back to the account. `cost` is how many calls
    to the upstream it may have made, 0 for what any page of another site can send. A flow for which
    there was no place stays usable. Beyond the budget of a stranger nothing is recorded either.
    """
    try:
        _count(request, error, slug if cost else _UNASKED, max(1, cost))
    except TooManyRequests as over:
        return refuse(request, over)
    code = record_failure(request, error, slug)
    next_url = login_flow.next if login_flow else next_url
    prefix, next_url = routes.way_of(slug, request.path, next_url)
    onward = {"next": next_url, **wishes.carried(request, login_flow)}
    onward.pop("login_hint", "")  # the address of this page is told to the desk
    if linking or (login_flow and login_flow.link_uid):
        onward = {LINKING: "1"}
    page_of = routes.failed_path(code, prefix, **onward)
    response = with_retry_after(see_other(page_of), error)
    if login_flow and error.reason == errors.BUSY:
        flow.release(login_flow.state)
    elif login_flow:
        cookies.forget_flow(response, login_flow)
    if error.reason in errors.REFUSALS:
        cookies.remember(response, cookies.REFUSED, slug, _REFUSED_SECONDS)
    return response


def _count(request: HttpRequest, error: ProtocolError, door: str, calls: int) -> None:
    """Count a failure against its visitor. Raises `TooManyRequests` for who had failed too often
    before, unless an upstream has vouched for them or is in trouble itself.
    """
    counted = error.counted(calls)
    if not counted:
        return
    visitor = incoming.visitor(request)
    try:
        if counted == calls:
            lockout.require_budget(visitor, door)
    finally:
        lockout.spend_budget(visitor, door, counted)


def refuse(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    """Return the page for who has failed too often: it costs no row and no call upstream."""
    problem = {
        "title": gettext("Please wait a little"),
        "sentence": gettext("There were too many attempts in a short time."),
        "advice": gettext("Wait five minutes, then try again."),
    }
    back = incoming.session_of(request).is_logged_in
    context = {"problem": problem, "back": back, "choose": routes.choose_url()}
    response = page(request, "login/failed.html", context, error.status)
    return with_retry_after(response, error)


def record_failure(request: HttpRequest, error: ProtocolError, slug: str) -> str:
    """Write the one event of a failed login, or count it with those like it. Returns its support
    code; none for the further guesses of who is locked out, which cost no row.
    """
    visit = incoming.visit(request)
    if isinstance(error, TooManyRequests) and not lockout.is_first_refusal(slug, visit.address):
        log.info("login.locked-out", source=slug)
        return ""
    if isinstance(error, TemporarilyUnavailable) and error.reason == errors.UNAVAILABLE:
        (outage.doubt if error.is_hearsay else outage.note)(slug)
    source = catalogue.find(slug)
    failed = events.event(
        "login.failed",
        visit,
        reason=error.reason,
        source=slug[:50],
        session_type=source.session_type if source else "",
        detail=f"{error.error}: {error.description}",
    )
    return events.count(failed)


def announcements() -> list[str]:
    """Return what people are told before they sign in, by rooms whose AppConfig has `announces`."""
    return [words for tell in offered("announces") for words in tell()]
