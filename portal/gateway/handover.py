"""The hand-over of a session to the host of an application where the site's cookie does not arrive
(docs/gateway.md 10).

The browser gets a cookie at the application's host first, whose digest travels with it to the site;
the site answers with a code, which counts once, for two minutes, and only with that cookie.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from limits import RateLimitItemPerMinute

from accounts import conf, strength
from accounts.errors import InsufficientUserAuthentication, InvalidGrant, InvalidRequest
from accounts.keyring import digest
from accounts.login import lockout
from accounts.models import StoredSession, clearing
from accounts.session import access
from accounts.session.typed import Session
from portal import conf as portal_conf
from portal.gateway import decision, paths, rules
from portal.gateway.held import HandOff, HostSession
from portal.gateway.hosts import LOCAL, arrives, host_of
from portal.gateway.rules import Rule
from portal.tokens import bearer

_LIFE = timedelta(seconds=120)
# A browser that goes round in circles, or somebody who wants to fill a table.
_OFFERS = RateLimitItemPerMinute(60, 5, namespace="gateway-offer")
# Tabs that arrive at once may each have been given a cookie; the newest one is the browser's.
_AT_MOST = 5
_URL = re.compile(r"(https?)://([a-z0-9_.:\[\]-]+)(/.*)?", re.S)
START_HERE = "/gateway/start"
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_STATE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Place:
    """A page of an application that has rules here: scheme, host and port, path and query."""

    scheme: str
    authority: str
    target: str

    @property
    def host(self) -> str:
        """The host alone."""
        return host_of(self.authority)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole address."""
        return self.origin + self.target


def place_of(url: str) -> Place | None:
    """Return the page that `url` names, when a session may be handed over to its host; else None.

    A rule must speak of the host. The port is the scheme's own, or the site's: on another one
    somebody else may listen, who would get the code. Raises `DatabaseError`.
    """
    found = _URL.fullmatch(url)
    if not found:
        return None
    scheme, target = found[1], found[3] or "/"
    authority = found[2].removesuffix(_USUAL_PORTS[scheme])
    try:
        path, _query = paths.split(target)
        paths.readings(path)  # which refuses what no application may be sent
        host = host_of(authority)
    except InvalidRequest:
        return None
    site = urlsplit(conf.site_url())
    is_safe = scheme == "https" or site.scheme == "http"
    ports = {host, f"{host}:{site.port}"}
    if not is_safe or authority not in ports or not rules.compiled().of(host):
        return None
    return Place(scheme, authority, "/" if path.startswith(LOCAL) else target)


def name_of(destination: str) -> str:
    """Return the host of the application to which the way to its host leads, or nothing."""
    parts = urlsplit(destination)
    if parts.path != START_HERE:
        return ""
    place = place_of(parse_qs(parts.query).get("rd", [""])[0])
    return place.host if place else ""


def lacking(session: Session, place: Place, now: datetime) -> InsufficientUserAuthentication | None:
    """Return what the rules of the page want of the person's proof; None when it is enough."""
    level = strength.of(session)
    return decision.all_that_lacks(_rules_of(place), level, session.auth_time, now)


def demanded(place: Place) -> str:
    """Return how strongly people must have signed in for the page, or nothing."""
    return decision.demanded(_rules_of(place))


def _rules_of(place: Place) -> list[Rule]:
    known, readings = rules.compiled(), paths.readings(paths.split(place.target)[0])
    found = (known.first(place.host, "GET", each) for each in readings)
    return [each for each in found if each]


def is_state(text: str) -> bool:
    """Tell whether `text` has the form of a digest of what a browser has at the host."""
    return bool(_STATE.fullmatch(text))


def offer(session: Session, place: Place, state: str) -> str:
    """Return a code for the host of `place`. Raises `TooManyRequests`, and `LoginRequired` when the
    session has just ended.
    """
    lockout.spend(_OFFERS, session.uid)
    code = secrets.token_urlsafe(32)
    with access.still_there():
        HandOff.objects.create(
            digest=digest(code),
            session_id=session.uid,
            authority=place.authority,
            target=place.target,
            state=state,
            expires_at=timezone.now() + _LIFE,
        )
    return code


def accept(code: str, authority: str, nonce: str) -> tuple[str, str]:
    """Return the value of a new cookie for the host of `authority`, and the page to go on to. One
    of several parallel calls gets it.

    Raises `InvalidGrant`, the same for every reason: another host, another browser, spent, expired,
    the session ended.
    """
    wrong = InvalidGrant("The code is not known, or it is another browser's.")
    waiting = HandOff.objects.filter(digest=digest(code), expires_at__gt=timezone.now())
    with transaction.atomic():
        found = waiting.select_related("session__user").first()
        taken, _kinds = HandOff.objects.filter(pk=found.pk).delete() if found else (0, {})
    if found is None or not taken or found.authority != authority:
        raise wrong
    if not nonce or not constant_time_compare(found.state, digest(nonce)):
        raise wrong
    if not bearer.open_session(found.session).typed.is_logged_in:
        raise wrong
    value = secrets.token_urlsafe(32)
    _keep(found.session_id, host_of(authority), digest(value))
    return value, found.target


def _keep(session_uid: str, host: str, key: str) -> None:
    """Store a session at a host. Raises `InvalidGrant` when the one of the site has just ended."""
    with transaction.atomic():
        alive = StoredSession.objects.select_for_update().filter(uid=session_uid)
        if not alive.values_list("pk", flat=True).first():
            raise InvalidGrant("The session has ended.")
        HostSession.objects.create(digest=key, session_id=session_uid, host=host)
        here = HostSession.objects.filter(session_id=session_uid, host=host)
        surplus = here.order_by("-created_at").values_list("pk", flat=True)[_AT_MOST:]
        HostSession.objects.filter(pk__in=list(surplus)).delete()


def of_cookie(value: str, host: str) -> StoredSession | None:
    """Return the session of the site behind a cookie of the host, joined with its person."""
    rows = HostSession.objects.select_related("session__user")
    found = rows.filter(digest=digest(value), host=host).first()
    return found.session if found else None


def is_another(held: str, value: str, host: str) -> bool:
    """Tell whether two cookies of a host are of two sessions, or one of them is of none."""
    rows = HostSession.objects.filter(host=host, digest__in=[digest(held), digest(value)])
    found = list(rows.values_list("session_id", flat=True))
    return len(found) < 2 or len(set(found)) > 1


def session_ends(uids: Sequence[str], heir: str) -> None:
    """Move what hosts hold of the sessions `uids` to the session `heir`, where one takes their
    place; else it goes with them.
    """
    if heir:
        HostSession.objects.filter(session_id__in=uids).update(session_id=heir)


def shares_cookie(host: str) -> bool:
    """Tell whether the site's own cookie arrives at a host."""
    return arrives(host, urlsplit(conf.site_url()).hostname or "", portal_conf.cookie_domain())


def clear_expired() -> int:
    """Delete the codes that nobody fetched. Returns their number."""
    over = HandOff.objects.filter(expires_at__lte=timezone.now())
    return clearing.delete(over.order_by("expires_at"))
