"""The CMS's sessions and its patrons' tokens, as Drupal keeps them (docs/threats.md 2.2, 2.3).

A session belongs to a browser, a token to a person: two browsers of one person share one token, and
each sign-in brings a new one.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponseBase

from tests.sandbox import store
from tests.sandbox.cms import conf, controls, patrons
from tests.sandbox.cms.patrons import Person

SESSION_SECONDS = 23 * 86400


@dataclass(frozen=True, slots=True)
class Token:
    """A token of Adgangsplatformen, and its end in Unix seconds."""

    token: str = field(repr=False)
    ends: int


def of(request: HttpRequest) -> Person | None:
    """Return who is signed in; somebody whose token has ended is signed out by this."""
    value = request.COOKIES.get(conf.cookie_name(), "")
    kept = store.get("cms-session", _digest(value)) if value else None
    person = patrons.find(kept["person"]) if kept else None
    if person is None:
        return None
    token = token_of(person)
    if token and token.ends <= time.time():
        store.drop("cms-session", _digest(value))
        return None
    return person


def begin(response: HttpResponseBase, person: Person) -> None:
    """Sign a person in, under a new session."""
    if not person.is_editor:
        _issue_token(person)
    # PHP writes the comma of its session ids as %2C: whoever decodes it sends another value back.
    value = f"{secrets.token_urlsafe(24)}%2C{secrets.token_urlsafe(8)}"
    kept = {"person": person.slug}
    store.put("cms-session", _digest(value), kept, seconds=SESSION_SECONDS)
    response.set_cookie(
        conf.cookie_name(),
        value,
        max_age=SESSION_SECONDS,
        secure=conf.is_https(),
        httponly=True,
        samesite="Lax",
    )


def end(request: HttpRequest, response: HttpResponseBase) -> None:
    """Sign out the browser that asks."""
    store.drop("cms-session", _digest(request.COOKIES.get(conf.cookie_name(), "")))
    response.delete_cookie(conf.cookie_name(), samesite="Lax")


def token_of(person: Person) -> Token | None:
    """Return a person's token, or None for somebody who has none."""
    kept = store.get("cms-token", person.slug)
    return Token(kept["token"], kept["ends"]) if kept else None


def bearer(token: str) -> Person | None:
    """Return whose token this is, while it lives."""
    found = (each for each in patrons.PEOPLE if not each.is_editor)
    for person in found:
        held = token_of(person)
        if held and secrets.compare_digest(held.token.encode(), token.encode()):
            return person if held.ends > time.time() else None
    return None


def _issue_token(person: Person) -> None:
    ends = int(time.time()) + controls.token_seconds()
    store.drop("cms-token", person.slug)
    store.put("cms-token", person.slug, {"token": secrets.token_hex(20), "ends": ends})


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
