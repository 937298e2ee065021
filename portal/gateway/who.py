"""Who asks, by the credentials of the request: a cookie, an access token or an app password."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.utils import timezone

from accounts import ended, strength
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
from portal import conf
from portal.door.cookies import named
from portal.gateway import app_passwords, handover, persons
from portal.gateway.decision import By, Who
from portal.gateway.hosts import HELD
from portal.server.kept import Keep
from portal.tokens import bearer, foreign, revoked, token_format
from portal.tokens.token_errors import InvalidToken


def identify(headers: Mapping[str, str], visit: Visit, host: str, *, at_home: bool = False) -> Who:
    """Return who asks for something of `host`, which is this site's own for `at_home`; nobody
    without credentials that count.

    The cookie counts first: an application may use `Authorization` for itself. Raises
    `InvalidRequest` when cookie and access token are two people's, `AccessDenied` for a token of
    somebody whom its source does not let in, `TemporarilyUnavailable` when a source must be asked
    and does not answer, `DatabaseError`.
    """
    held = _by_cookie(headers.get("cookie", ""), host, at_home=at_home)
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and conf.app_passwords() and not held.session.is_logged_in:
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
    found = given.get(conf.session_cookie(), ""), given.get(named(HELD), "")
    return found if any(found) else ()


def _by_cookie(header: str, host: str, *, at_home: bool) -> Who:
    """Return whose session's cookie this is: the site's, or that of a hand-over to the host."""
    given = cookie_header.latest(header)
    store = SessionStore(given.get(conf.session_cookie()))
    if not store.typed.is_logged_in and given.get(named(HELD)):
        row = handover.of_cookie(given[named(HELD)], host)
        store = bearer.open_session(row) if row else store
    if not store.typed.is_logged_in:
        return Who()
    store.touch(timezone.now())
    store = _renewed(store, cookie_header.parse(header), at_home=at_home)
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


def _renewed(store: SessionStore, cookies: RawCookies, *, at_home: bool) -> SessionStore:
    """Return the store as its upstream leaves it; an anonymous one when that has ended it.

    A session that is bound to a cookie of its upstream's is judged where that cookie arrives: at
    this site's own host, and wherever else it has come (docs/threats.md 2.8).
    """
    if store.typed.bound_to and not at_home:
        source = catalogue.of_session(store.typed.source)
        if source is None or not cookie_header.permitted(cookies, source.description.cookies):
            return store
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
