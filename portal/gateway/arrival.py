"""The way to an application's host and back, by a browser: `/gateway/start` at the site, and below
`/.vestibule/` at the host, where its web server leads to Vestibule (docs/gateway.md 10).
"""

import secrets
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import conf, strength
from accounts.errors import InvalidGrant, InvalidRequest, TooManyRequests
from accounts.keyring import digest
from portal.door import answers, circles, cookies, incoming, proving
from portal.door.destinations import LONGEST
from portal.gateway import forwarded, handover, rules
from portal.gateway.expiry import clear_site_data
from portal.gateway.handover import Place
from portal.gateway.hosts import HELD, LOCAL, START

_START_SECONDS = 3600


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Send somebody who is signed in on to an application, with a code where it needs one.

    Raises `InvalidRequest` for an address that is none of an application's.
    """
    place = _place(request)
    session = incoming.session_of(request)
    if lacks := handover.lacking(session, place, timezone.now()):
        wanted = strength.named(lacks.strength)
        return proving.ask_again(session, _way_back(request), wanted)
    if handover.shares_cookie(place.host):
        return _found(place.url)
    if request.GET.get("failed"):
        return circles.page(request, place.authority, start_url(place))
    state = request.GET.get("state", "")
    if not handover.is_state(state):
        return _found(start_url(place))
    try:
        code = handover.offer(session, place, state)
    except TooManyRequests as error:
        return answers.refuse(request, error)
    return _found(f"{place.origin}{LOCAL}accept?{urlencode({'code': code})}")


def _demanded(request: HttpRequest) -> str:
    """Return how strongly a stranger must sign in for the page; nothing for none of ours."""
    try:
        return handover.demanded(_place(request))
    except InvalidRequest:
        return ""


def _way_back(request: HttpRequest) -> str:
    """Return this address, as long as a sign-in can carry it: else the page loses its query."""
    here, given = request.get_full_path(), request.GET.dict()
    page = handover.place_of(str(given.get("rd", ""))) if len(here) > LONGEST else None
    if page is None:
        return here
    for target in (page.target.partition("?")[0], "/"):
        here = f"{request.path}?{urlencode({**given, 'rd': page.origin + target})}"
        if len(here) <= LONGEST:
            break
    return here


start.strength = _demanded  # type: ignore[attr-defined]  # both are read by accounts/middleware.py
start.way_back = _way_back  # type: ignore[attr-defined]


@login_not_required
@require_safe
def local_start(request: HttpRequest) -> HttpResponse:
    """Give a browser a cookie at the application's host, and send it to sign in."""
    place = _here(request, request.GET.get("rd", ""))
    if place is None:
        return HttpResponse(status=404)
    held = request.COOKIES.get(cookies.named(START), "")
    nonce = held if len(held) == len(secrets.token_urlsafe(32)) else secrets.token_urlsafe(32)
    response = _to_site(place, state=digest(nonce))
    cookies.put(response, START, nonce, _START_SECONDS)
    return response


@login_not_required
@require_safe
def local_accept(request: HttpRequest) -> HttpResponse:
    """Take a code, and let the browser go on to the page of the application, signed in there."""
    place = _here(request, "/")
    if place is None:
        return HttpResponse(status=404)
    if request.method != "GET":
        return _found(place.url)
    nonce = request.COOKIES.get(cookies.named(START), "")
    try:
        value, target = handover.accept(request.GET.get("code", ""), place.authority, nonce)
    except InvalidGrant:
        return _to_site(place, failed="1")
    response = answers.see_other(place.origin + target)
    response["Referrer-Policy"] = "no-referrer"
    held = request.COOKIES.get(cookies.named(HELD), "")
    if held and handover.is_another(held, value, place.host):
        _end_former(request, response, place.host)
    response.set_cookie(
        cookies.named(HELD),
        value,
        secure=place.scheme == "https",
        httponly=True,
        samesite="Lax",
    )
    return response


def _end_former(request: HttpRequest, response: HttpResponse, host: str) -> None:
    """Take away what an application itself keeps of the person before (docs/gateway.md 6)."""
    for rule in rules.compiled().of(host):
        ended = [each for each in rule.cookies if each.name in request.COOKIES]
        for each in ended:
            response.delete_cookie(each.name, each.path, each.domain or None)
        for name, value in clear_site_data(rule.clear_storage and bool(ended)):
            response[name] = value


def start_url(place: Place) -> str:
    """Return where the way to sign in begins at an application's own host."""
    return f"{place.origin}{LOCAL}start?{urlencode({'rd': place.target})}"


def _place(request: HttpRequest) -> Place:
    given = request.GET.getlist("rd")
    place = handover.place_of(given[0]) if len(given) == 1 else None
    if place is None:
        raise InvalidRequest("No application here has this address.")
    return place


def _here(request: HttpRequest, target: str) -> Place | None:
    """Return a page of the application at whose host the request arrived; the first one for a
    `target` that is none. None at a host that needs no hand-over.
    """
    origin = forwarded.origin_of(request.headers, request.scheme or "http")
    is_path = target.startswith("/")
    place = (handover.place_of(origin + target) if is_path else None) or handover.place_of(origin)
    return None if place is None or handover.shares_cookie(place.host) else place


def _to_site(place: Place, **query: str) -> HttpResponse:
    return _found(f"{conf.site_url()}/gateway/start?{urlencode({'rd': place.url, **query})}")


def _found(url: str) -> HttpResponse:
    response = HttpResponse(status=302)
    response["Location"] = url
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
