"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): an application ends the session."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import InvalidRequest, TooManyRequests
from accounts.keyring import Unreadable, seal, unseal
from accounts.middleware import leaves_by
from accounts.session.typed import Session
from accounts.trail import Act, acting
from portal.authorization_server import answer, apart, clients, keys, pushed, wire
from portal.authorization_server.errors import NoWayBack
from portal.authorization_server.models import Client, ToldSession
from portal.authorization_server.wire import Parameters
from portal.door import answers, incoming, leaving
from portal.door.destinations import LONGEST

_PARAMETERS = frozenset({"id_token_hint", "client_id", "post_logout_redirect_uri", "state"})
# The release before knows `logout-return`, an address alone.
_RETURN, _KEPT = "logout-way-back", "kept"
DONE = "/oauth/after-logout"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an application asks for: which session it means, whose, as it was told to which client,
    and where the person goes afterwards: to an address of its own, with a `state`.
    """

    sid: str = ""
    subject: str = ""
    told: str = ""
    client: Client | None = None
    url: str = ""
    state: str = ""


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "POST"])
@leaves_by(lambda request: True)
def logout(request: HttpRequest) -> HttpResponse:
    """End the browser's session for an application that proves, by an id_token of ours, that it
    means this one; else ask the person. A stranger's POST comes back as our GET. What has a session
    of its own leaves that at once, in its person's browser, who is asked whether to leave here too
    (2).
    """
    given = Parameters()
    try:
        given = wire.read(request.POST if request.method == "POST" else request.GET, _PARAMETERS)
        wish = _wish(given)
    except InvalidRequest as error:
        return answer.refused(request, error, _whose(given))
    if request.method == "POST":
        return _led_to(f"/oauth/logout?{urlencode(given)}")
    session, return_to = incoming.session_of(request), _return_to(request, wish)
    if not session.exists:
        return answers.see_other(return_to or "/")
    is_own = session.is_logged_in and wish.subject == getattr(request.user, "uid", "")
    if is_own and _means(wish, session):
        return leaving.leave_at_least_here(request, return_to)
    left = is_own and _leaves_its_own(request, wish)
    context = {"return_to": return_to, "stays_at": return_to if left else ""}
    return answers.page(request, "logout/confirm.html", context)


def _means(wish: Wish, session: Session) -> bool:
    """Tell whether the application means `session`, which may have taken the place of the one that
    it was told of. Whose session cannot be read is asked.
    """
    if not wish.sid:
        return False
    told = ToldSession.objects.filter(session_id=session.uid, sid=wish.sid)
    return wish.sid == session.uid or told.exists()


def _leaves_its_own(request: HttpRequest, wish: Wish) -> bool:
    """End the session that a device or an installed program has for itself, where it is meant."""
    known = Client.objects.filter(client_id=wish.told)
    whose = {"uid": wish.sid, "user__uid": wish.subject}
    with acting(Act("person", incoming.person_id(request))), transaction.atomic():
        visit = incoming.visit(request)
        return bool(apart.end_all(known, "left by the application", visit, **whose))


@login_not_required
@require_safe
def done(request: HttpRequest) -> HttpResponse:
    """Lead back to the application, at the address that was checked before and is registered still:
    a link that leads there outlives the logout.
    """
    key = request.GET.get(_KEPT, "")
    try:
        kept = pushed.way_back(key) if key else unseal(request.GET.get("to", ""), _RETURN)
        client_id, url, state = kept
        return _led_to(_with_state(_registered(clients.find(client_id), url), state))
    except (Unreadable, NoWayBack):
        return answers.see_other("/")


def _led_to(url: str) -> HttpResponse:
    """Return a redirect of any scheme and length, as Django's own is not: an id_token is long."""
    response = HttpResponse(status=303)
    response["Location"] = url
    response["Cache-Control"] = "no-store"
    return response


def _wish(given: Parameters) -> Wish:
    """Return what is asked for (2 and 3). Raises `NoWayBack` for a hint that is none of ours, two
    clients, or an address that is not registered.
    """
    claims = {}
    if "id_token_hint" in given:
        try:
            claims = keys.claims_of(given["id_token_hint"])
        except keys.NotOurs:
            raise NoWayBack("The application showed an id_token that is not from here.") from None
    hinted, named = str(claims.get("aud", "")), given.get("client_id", "")
    if hinted and named and hinted != named:
        raise NoWayBack("The application names itself in two ways.")
    wish = Wish(str(claims.get("sid", "")), str(claims.get("sub", "")), hinted)
    if "post_logout_redirect_uri" not in given:
        return wish
    client = clients.find(hinted or named)
    url = _registered(client, given["post_logout_redirect_uri"])
    return replace(wish, client=client, url=url, state=given.get("state", ""))


def _whose(given: Parameters) -> str:
    """Return by which name the application calls itself that asks, as far as can be read."""
    try:
        hinted = keys.claims_of(given.get("id_token_hint", "")).get("aud")
    except keys.NotOurs:
        hinted = ""
    return str(hinted or given.get("client_id", ""))


def _registered(client: Client | None, url: str) -> str:
    """Return the address, which must be registered, letter by letter (3). Raises `NoWayBack`."""
    if client is None or url not in client.post_logout_redirect_uris.split():
        raise NoWayBack("The application gave an address that is not registered.")
    return url


def _with_state(url: str, state: str) -> str:
    return url + ("&" if "?" in url else "?") + urlencode({"state": state}) if state else url


def _return_to(request: HttpRequest, wish: Wish) -> str:
    """Return a path of ours that leads to the address; nothing where it is too long, and cannot be
    kept here: whoever leaves is signed out all the same.
    """
    if wish.client is None:
        return ""
    kept = [wish.client.client_id, wish.url, wish.state]
    path = f"{DONE}?{urlencode({'to': seal(kept, _RETURN)})}"
    if len(path) <= LONGEST:
        return path
    try:
        key = pushed.keep_way_back(wish.client, kept, incoming.visit(request))
    except (NoWayBack, TooManyRequests):
        return ""
    return f"{DONE}?{urlencode({_KEPT: key})}"
