"""Who asks, by the credentials of the request: a cookie, an access token or an app password."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.utils import timezone

from accounts import conf, ended, strength
from accounts.errors import InvalidGrant, InvalidRequest, TooManyRequests
from accounts.keyring import digest
from accounts.provider import Visit
from accounts.session import renewal
from accounts.session.store import SEEN_EVERY, SessionStore
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.strength import Strength
from accounts.upstream import cookie_header
from accounts.upstream.cookie_header import RawCookies
from portal import conf as portal_conf
from portal.door.cookies import named
from portal.gateway import app_passwords, handover, persons
from portal.gateway.decision import By, Who
from portal.gateway.hosts import HELD, reaches
from portal.server.kept import Keep
from portal.tokens import bearer, foreign, revoked, token_format
from portal.tokens.token_errors import InvalidToken

# For so long after the site has judged a session that hangs on a cookie of its upstream's it counts
# where that cookie does not arrive: for a page, with a margin for two clocks, and for all else.
_PAGES, _ALL_ELSE = SEEN_EVERY + timedelta(seconds=5), timedelta(minutes=10)


def identify(headers: Mapping[str, str], visit: Visit, host: str, *, opens_page: bool) -> Who:
    """Return who asks for something of `host`; nobody without credentials that count. `opens_page`:
    the browser may be sent away and come back, and at a shared computer it is the only use.

    The cookie counts first: an application may use `Authorization` for itself. Raises
    `InvalidRequest` when cookie and access token are two people's, `AccessDenied` for a token of
    somebody whom its source does not let in, `TemporarilyUnavailable` when a source must be asked
    and does not answer, `DatabaseError`.
    """
    held = _by_cookie(headers.get("cookie", ""), host, opens_page=opens_page)
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and portal_conf.app_passwords() and not held.session.is_logged_in:
        return _by_password(text, visit)
    if scheme.lower() != "bearer":
        return held
    text = text.strip(" ")
    if held.session.is_logged_in and not token_format.is_token(text, token_format.ACCESS):
        return held
    by_token = _by_token(text, visit)
    if not held.session.is_logged_in:
        return by_token
    if by_token.uid and by_token.uid != held.uid:
        raise InvalidRequest("The cookie and the access token are two people's.")
    return replace(held, keep=None)  # which hangs on both


def shown(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the cookies by which somebody may be known, the site's and a hand-over's, as they
    came; nothing without any.
    """
    given = cookie_header.latest(headers.get("cookie", ""))
    found = given.get(portal_conf.session_cookie(), ""), given.get(named(HELD), "")
    return found if any(found) else ()


def _by_cookie(header: str, host: str, *, opens_page: bool) -> Who:
    """Return whose session's cookie this is: the site's, or that of a hand-over to the host."""
    given = cookie_header.latest(header)
    store = SessionStore(given.get(portal_conf.session_cookie()))
    if not store.typed.is_logged_in and given.get(named(HELD)):
        row = handover.of_cookie(given[named(HELD)], host)
        store = bearer.open_session(row) if row else store
    if not store.typed.is_logged_in:
        return Who()
    now, cookies = timezone.now(), cookie_header.parse(header)
    if _is_judged(store.typed, cookies, host):
        if opens_page or not store.typed.shared:
            store.touch(now)
        store = _renewed(store, cookies)
    else:
        seen = store.last_seen(now - _PAGES)
        if seen is None or now - seen >= _ALL_ELSE:
            return Who()
        if opens_page and now - seen >= _PAGES:
            return Who(unjudged=True)
    session, pk = store.typed, store.get(SESSION_KEY)
    if not session.is_logged_in or not pk:
        return Who()
    # What hangs on a cookie of the upstream's as well is judged each time.
    keep = None if session.bound_to else _keep(store.stands_until(), session, store.key_digest, pk)
    return _somebody(By.COOKIE, session, str(pk), keep=keep)


def _keep(
    until: datetime | None, session: Session, key: str, pk: Any, *also: tuple[str, str]
) -> Keep | None:
    """Return how long it may be believed that this is so, and what of the ended feed ends it."""
    marks = {("session", session.uid), ("key", key), (ended.PERSON, str(pk)), *also}
    return Keep(until.timestamp(), frozenset(marks)) if until else None


def _is_judged(session: Session, cookies: RawCookies, host: str) -> bool:
    """Tell whether a session is judged at `host`. One that hangs on a cookie of its upstream's is
    judged where that must arrive, by its absence too, and wherever it has come (docs/gateway.md 6).
    """
    if not session.bound_to:
        return True
    site, source = _host(conf.site_url()), catalogue.of_session(session.source)
    if host == site or source is None:
        return host == site
    known = source.description
    came = bool(cookie_header.permitted(cookies, known.cookies))
    return came or reaches(host, site, _host(known.home))


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _renewed(store: SessionStore, cookies: RawCookies) -> SessionStore:
    """Return the store as its upstream leaves it; an anonymous one when that has ended it."""
    store = renewal.renew(store, cookies)
    try:
        if store.session_key:
            store.save()
    except UpdateError:  # it has ended meanwhile
        return SessionStore()
    return store


def _by_token(text: str, visit: Visit) -> Who:
    try:
        held = foreign.find(text, visit)
    except InvalidToken as error:
        return Who(failed=error)
    pk = str(held.user.pk)
    if held.expires is None:  # a source's own: what it is for stands in its audience
        return _somebody(By.BEARER, held.session, pk)
    keep = None
    if revoked.GATEWAY in held.scopes:
        latest = timezone.now() + SEEN_EVERY
        until = min(held.session.expires_at or latest, held.expires, latest)
        keep = _keep(until, held.session, held.key, pk, (revoked.TOKEN, digest(text)))
    return _somebody(By.BEARER, held.session, pk, scopes=held.scopes, keep=keep)


def _by_password(text: str, visit: Visit) -> Who:
    try:
        owner = app_passwords.find(text, visit)
    except (InvalidGrant, TooManyRequests) as error:
        return Who(failed=error)
    # A password that a program keeps is one factor, however strong the sign-in was that made it.
    level = min(strength.of(owner.session) or 0, Strength.LOW)
    found = _somebody(By.BASIC, owner.session, str(owner.person.pk), reach=owner.reach)
    return replace(found, strength=Strength(level) if level else None)


def _somebody(by: By, session: Session, pk: str, **more: Any) -> Who:
    """Return a person as they are now; nobody when they are gone."""
    person = persons.memory.find(pk)
    if person is None:
        return Who()
    known = person.uid, person.email, person.groups
    level = strength.of(session)
    return Who(by, session, *known, username=person.username, strength=level, **more)
