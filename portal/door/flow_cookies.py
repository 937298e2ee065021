"""The cookies in which login flows travel: one a flow, sealed, ten minutes, at most five."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from accounts import conf
from accounts.login import flow
from accounts.provider import LoginFlow
from accounts.source.catalogue import ConfiguredSource
from portal.door import cookies

_CALLBACKS = "/auth/callback"


def keep(request: HttpRequest, response: HttpResponse, fresh: LoginFlow, *, marked: bool) -> None:
    """Give the browser the flow. The oldest beyond five goes, and what is not ours.

    `marked` also leaves the one-time marker that tells our own sign-ins from unsolicited answers.
    """
    held = {
        name: flow.open_flow(value)
        for name, value in request.COOKIES.items()
        if name.startswith(flow.COOKIE_PREFIX)
    }
    known = sorted((found.started_at, name) for name, found in held.items() if found)
    surplus = [name for _started, name in known[: max(0, len(known) - flow.AT_MOST + 1)]]
    for name in (*surplus, *(name for name, found in held.items() if found is None)):
        cookies.forget(response, name)
    seconds = int(conf.flow_lifetime().total_seconds())
    cookies.put(response, flow.cookie_name(fresh.state), flow.seal_flow(fresh), seconds)
    if marked:
        marker = {"source": fresh.source, "state": fresh.state}
        cookies.remember(response, cookies.STARTED, marker, seconds, path=_CALLBACKS)


def flow_of(request: HttpRequest, state: str) -> LoginFlow | None:
    """Return the flow of `state` that this browser carries, or None."""
    sealed = request.COOKIES.get(flow.cookie_name(state)) if state else None
    found = flow.open_flow(sealed) if sealed else None
    return found if found and found.state == state else None


def forget(response: HttpResponse, login_flow: LoginFlow) -> None:
    """Take back the cookie of a flow that is over."""
    cookies.forget(response, flow.cookie_name(login_flow.state))


def marker(request: HttpRequest, source: ConfiguredSource) -> str:
    """Return the state of the sign-in that this browser started at the source last, or nothing."""
    found = cookies.recall(request, cookies.STARTED)
    if isinstance(found, dict) and found.get("source") == source.slug:
        return str(found.get("state", ""))
    return ""


def forget_marker(response: HttpResponse) -> None:
    """Take the marker back: it counts once."""
    cookies.forget(response, cookies.STARTED, path=_CALLBACKS)
