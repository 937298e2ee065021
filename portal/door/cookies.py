"""Sealed cookies: what the site must remember of a browser that nobody is signed in with.

A login flow travels in one of its own; a browser carries five at most. It is kept for an hour after
it is over, so that who comes too late is told so and goes on to where they were going.
"""

import time
from contextlib import suppress
from http.cookies import CookieError
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts.conf import flow_lifetime
from accounts.keyring import Unreadable, seal, unseal
from accounts.login import flow
from accounts.provider import LoginFlow
from accounts.source.catalogue import ConfiguredSource
from portal import conf

RECEIPT = "vestibule-receipt"
LEFT = "vestibule-left"
AGAIN = "vestibule-again"
RETURN = "vestibule-return"
STARTED = "vestibule-started"
REFUSED = "vestibule-refused"
WHY = "vestibule-why"
SHARED = "vestibule-shared"
SOURCE = "vestibule-source"
ANEW = "vestibule-anew"
SAID = "vestibule-messages"

# For how long a flow that is over is still known.
_LATE_SECONDS = 3600
# What a browser keeps of one cookie, less its name and attributes (RFC 6265, 6.1).
LONGEST = 3800
# Beginnings of names by which a cookie binds itself to this host and to `/`, so that no neighbour
# of ours can plant one (RFC 6265bis, 4.1.3.2).
_HOST = "__Host-"
_VALUE, _UNTIL = "value", "until"
# For how long more the seal of a short cookie holds that leads to the next step, or keeps from one:
# the machine that makes the step may have another clock. The browser drops the cookie in time.
NEXT_STEP = 600


def named(name: str, path: str = "/") -> str:
    """Return the name that a cookie of ours has on the wire: on https bound to this host."""
    return f"{_HOST}{name}" if path == "/" and conf.cookies_are_secure() else name


def put(
    response: HttpResponseBase, name: str, held: str, seconds: int | None, *, path: str = "/"
) -> None:
    """Set a cookie that only this site reads: HttpOnly, SameSite=Lax, Secure on https. None lets it
    go with the browser.
    """
    response.set_cookie(
        named(name, path),
        held,
        max_age=seconds,
        path=path,
        secure=conf.cookies_are_secure(),
        httponly=True,
        samesite="Lax",
    )


def remember(
    response: HttpResponseBase,
    name: str,
    value: Any,
    seconds: int,
    *,
    path: str = "/",
    outlives: bool = True,
    slack: int = 0,
) -> None:
    """Seal `value` into the cookie `name` for `seconds`, the seal for `slack` more; it `outlives`
    the browser or does not.
    """
    held = sealed(name, value, seconds + slack)
    put(response, name, held, seconds if outlives else None, path=path)


def sealed(name: str, value: Any, seconds: int, bound: str = "") -> str:
    """Return `value` as the cookie `name` holds it for `seconds`, `bound` to whose it is. The end
    stands within the seal, for a browser may keep it longer than it was told to.
    """
    return seal({_VALUE: value, _UNTIL: int(time.time()) + seconds}, name, bound)


def recall(request: HttpRequest, name: str, *, path: str = "/", bound: str = "") -> Any:
    """Return what the cookie `name` holds, or None when it is missing, over, not ours, or `bound`
    to somebody else.
    """
    held = request.COOKIES.get(named(name, path))
    if not held:
        return None
    try:
        found = unseal(held, name, bound)
    except Unreadable:
        return None
    if not isinstance(found, dict) or found.keys() != {_VALUE, _UNTIL}:
        return found  # of a version that left the end to the browser
    return found[_VALUE] if found[_UNTIL] > time.time() else None


def forget(response: HttpResponseBase, name: str, *, path: str = "/") -> None:
    """Take the cookie `name` back."""
    take_back(response, named(name, path), path=path)


def take_back(response: HttpResponseBase, name: str, *, path: str = "/") -> None:
    """Take back what the browser calls `name`; a name that no answer can have stays with it."""
    with suppress(CookieError):
        response.delete_cookie(name, path=path, samesite="Lax")


def keep_flow(
    request: HttpRequest, response: HttpResponse, fresh: LoginFlow, *, marked: bool
) -> None:
    """Give the browser the flow. The oldest beyond five goes, and what is not ours.

    `marked` also leaves the one-time marker that tells our own sign-ins from unsolicited answers.
    """
    held = _flows(request)
    known = sorted((found.started_at, name) for name, found in held.items() if found)
    surplus = [name for _started, name in known[: max(0, len(known) - flow.AT_MOST + 1)]]
    for name in (*surplus, *(name for name, found in held.items() if found is None)):
        forget(response, name)
    put_flow(response, fresh)
    if marked:
        marker = {"source": fresh.source, "state": fresh.state}
        remember(response, STARTED, marker, _flow_seconds())


def put_flow(response: HttpResponse, fresh: LoginFlow) -> None:
    """Give the browser the flow, whatever else it carries."""
    put(response, flow.cookie_name(fresh.state), flow.seal_flow(fresh), _flow_seconds())


def _flow_seconds() -> int:
    return int(flow_lifetime().total_seconds()) + _LATE_SECONDS


def flow_of(request: HttpRequest, state: str) -> LoginFlow | None:
    """Return the flow of `state` that this browser carries, or None."""
    sealed = request.COOKIES.get(named(flow.cookie_name(state))) if state else None
    found = flow.open_flow(sealed) if sealed else None
    return found if found and found.state == state else None


def states_beside(request: HttpRequest, spent: LoginFlow | None) -> list[str]:
    """Return the state digests of the flows that this browser carries beside `spent`: those of its
    other tabs.
    """
    held = _flows(request, without=flow.cookie_name(spent.state) if spent else "").values()
    return [flow.state_digest(found.state) for found in held if found]


def _flows(request: HttpRequest, without: str = "") -> dict[str, LoginFlow | None]:
    """Return what the browser carries as flows, by name; None is not ours."""
    carried = {name.removeprefix(named("")): held for name, held in request.COOKIES.items()}
    return {
        name: flow.open_flow(held)
        for name, held in carried.items()
        if name.startswith(flow.COOKIE_PREFIX) and name != without
    }


def forget_flow(response: HttpResponse, login_flow: LoginFlow) -> None:
    """Take back the cookie of a flow that is over."""
    forget(response, flow.cookie_name(login_flow.state))


def marker(request: HttpRequest, source: ConfiguredSource) -> str:
    """Return the state of the sign-in that this browser started at the source last, or nothing."""
    found = recall(request, STARTED)
    if isinstance(found, dict) and found.get("source") == source.slug:
        return str(found.get("state", ""))
    return ""


def forget_marker(response: HttpResponse) -> None:
    """Take the marker back: it counts once."""
    forget(response, STARTED)


def speak(response: HttpResponseBase, language: str) -> None:
    """Let the browser's pages be in `language` from now on, as its switch does."""
    response.set_cookie(
        conf.language_cookie(),
        language,
        secure=conf.cookies_are_secure(),
        httponly=True,
        samesite="Lax",
    )
