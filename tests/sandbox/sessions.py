"""Who is signed in at the stand-in itself, so that a second application asks no question."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import asdict, dataclass

from django.http import HttpRequest, HttpResponseBase

from tests.sandbox import store
from tests.sandbox.personas import Persona
from tests.sandbox.realms import Realm

SECONDS = 8 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """A session at a realm. `sid` is its public name (OIDC Back-Channel Logout 1.0, 2.1)."""

    realm: str
    subject: str
    sid: str
    auth_time: int


def begin(request: HttpRequest, realm: Realm, persona: Persona) -> tuple[str, Session]:
    """Begin a session in place of the browser's last one. Returns the cookie's value with it."""
    old = request.COOKIES.get(realm.cookie, "")
    if old:
        store.drop("session", digest(old))
    value = secrets.token_urlsafe(32)
    session = Session(realm.name, persona.subject, secrets.token_urlsafe(16), int(time.time()))
    store.put("session", digest(value), asdict(session), seconds=SECONDS, family=session.sid)
    return value, session


def of(request: HttpRequest, realm: Realm) -> Session | None:
    """Return the session of the browser at a realm, or None."""
    kept = store.get("session", digest(request.COOKIES.get(realm.cookie, "")))
    return Session(**kept) if kept and kept["realm"] == realm.name else None


def remember(response: HttpResponseBase, realm: Realm, value: str) -> None:
    """Give the browser its session."""
    response.set_cookie(realm.cookie, value, max_age=SECONDS, httponly=True, samesite="Lax")


def forget(response: HttpResponseBase, realm: Realm) -> None:
    """Take the session from the browser."""
    response.delete_cookie(realm.cookie, samesite="Lax")


def digest(value: str) -> str:
    """Return the name under which a secret is kept: nobody gets it back from there."""
    return hashlib.sha256(value.encode()).hexdigest()
