"""A browser without a browser, people, and a source whose upstream is a real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Source, StoredSession, User
from accounts.source import catalogue
from tests.peers import fresh
from tests.peers.upstream import Upstream, upstream

PASSWORD = "correct horse battery staple"


@pytest.fixture
def peer() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture
def house(db: None) -> None:
    """Open the local source, which a transactional test of before has swept away."""
    Source.objects.get_or_create(
        slug="local", defaults={"provider": "local", "order": 1000, "enroll": False}
    )
    fresh.sources()


@pytest.fixture
def tenant(house: None, peer: Upstream) -> Callable[..., Source]:
    """Make (or change) a source of the test tenant: `tenant(slug, leaves_by=..., **columns)`."""

    def make(slug: str = "town", columns: dict[str, Any] | None = None, **settings: Any) -> Source:
        row = Source.objects.filter(slug=slug).first() or Source(slug=slug, provider="tenant")
        row.label = slug.title()
        row.settings = {"upstream": peer.url, "origins": [peer.url], **settings}
        for name, value in (columns or {}).items():
            setattr(row, name, value)
        catalogue.save(row)
        fresh.sources()
        return row

    return make


@pytest.fixture
def person(house: None) -> User:
    user = User.objects.create_user(
        "alice", PASSWORD, name="Alice Åberg", email="alice@example.org"
    )
    user.give_local_identity()
    return user


def was_over(client: Client, answer: Any) -> bool:
    """Tell whether an answer leads back to a list that says that what was to end is over."""
    assert answer.status_code == 303, answer.content
    return "That was over already." in client.get(answer["Location"]).content.decode()


def begin(client: Client, slug: str, next_url: str = "") -> dict[str, str]:
    """Start at a redirecting source. Returns the parameters of the authorization request."""
    response = client.get(f"/auth/login/{slug}", {"next": next_url} if next_url else {})
    assert response.status_code == 302, response.content
    return {k: v[0] for k, v in parse_qs(urlsplit(response["Location"]).query).items()}


@contextmanager
def later(client: Client, **passed: float) -> Iterator[None]:
    """Let time pass, for the client's cookies as well: a browser drops those that are over."""
    span = timedelta(**passed)
    for name, held in list(client.cookies.items()):
        if held["max-age"] != "" and span.total_seconds() >= int(held["max-age"]):
            del client.cookies[name]
    with time_machine.travel(timezone.now() + span, tick=False):
        yield


def enter(client: Client, slug: str, subject: str = "bob", next_url: str = "") -> Any:
    """Sign in at a redirecting source as `subject`. Returns the callback's response."""
    asked = begin(client, slug, next_url)
    return client.get(f"/auth/callback/{slug}", {"code": subject, "state": asked["state"]})


def sign_in(client: Client, username: str = "alice", password: str = PASSWORD) -> Any:
    """Sign in with a password. Returns the response."""
    return client.post("/auth/login/local", {"username": username, "password": password})


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """Fail when the block needs more SQL statements; transaction control is not counted."""
    with CaptureQueriesContext(connection) as captured:
        yield
    control = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
    # The ended feed is read by the clock, not by what is asked.
    feed = 'FROM "accounts_endedentry"'
    said = [q["sql"] for q in captured.captured_queries if not q["sql"].startswith(control)]
    said = [sql for sql in said if feed not in sql]
    assert len(said) <= limit, "\n".join(f"{n}. {sql[:160]}" for n, sql in enumerate(said, 1))


def stored(client: Client) -> StoredSession:
    """Return the row of the client's session."""
    from accounts.keyring import digest

    return StoredSession.objects.get(session_key=digest(client.cookies["vestibule"].value))


def way_out(client: Client, refused: Any) -> str:
    """Return where "Sign in as somebody else" leads on the page of a refusal."""
    page = client.get(refused["Location"]).content.decode()
    assert "Try again" not in page
    found = re.search(r'href="([^"]*)">Sign in as somebody else<', page)
    assert found, page
    return unescape(found[1])
