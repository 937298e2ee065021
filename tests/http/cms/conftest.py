"""A library whose CMS is the demo's stand-in, the site beside it, and people who visit both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.http import Client as HttpClient
from accounts.models import Event, Source
from accounts.provider import SessionRef, SourceRef
from accounts.source import catalogue
from providers.adgangsplatformen import client, provider, selftest
from providers.adgangsplatformen.provider import AdgangsplatformenProvider
from providers.adgangsplatformen.settings import CmsSettings
from tests.http.onward import onward
from tests.peers import fresh, patience
from tests.peers.cms import SITE, Cms, Patron, cms

SLUG = "library"
CALLBACK = "/auth/callback/adgangsplatformen"
Make = Callable[..., Source]
Provide = Callable[..., AdgangsplatformenProvider]


@pytest.fixture(scope="session")
def _library() -> Iterator[Cms]:
    with cms() as running:
        yield running


@pytest.fixture
def library(_library: Cms, monkeypatch: pytest.MonkeyPatch) -> Cms:
    """Give the CMS on a good day, with nothing counted. A call that a busy machine answers late is
    no trouble, nor is it given back to a stranger.
    """
    for where, name in (
        (client, "CALL_SECONDS"),
        (client, "ALL_SECONDS"),
        (provider, "LEAVING_SECONDS"),
        (selftest, "_SECONDS"),
    ):
        monkeypatch.setattr(where, name, patience.LONG)
    _library.trouble()
    return _library


@pytest.fixture
def patron(library: Cms) -> Patron:
    """Give a browser at the CMS in which nobody is signed in."""
    return Patron(library)


@pytest.fixture
def provide(library: Cms) -> Provide:
    """Make a provider for the CMS: `provide(name=value)` changes settings, None takes one away."""

    def made(**settings: Any) -> AdgangsplatformenProvider:
        ref = SourceRef(SLUG, "Library", f"{SITE}/auth/callback/{SLUG}")
        chosen = CmsSettings(**library.settings(**settings))
        return AdgangsplatformenProvider(ref, chosen, HttpClient("test"), lambda: datetime.now(UTC))

    return made


@pytest.fixture
def source(house: None, library: Cms) -> Make:
    """Make (or change) the source: `source(columns=None, **settings)`."""

    def make(slug: str = SLUG, columns: dict[str, Any] | None = None, **settings: Any) -> Source:
        row = Source.objects.filter(slug=slug).first()
        row = row or Source(slug=slug, provider="adgangsplatformen")
        row.label = slug.title()
        row.settings = library.settings(**settings)
        for name, value in (columns or {}).items():
            setattr(row, name, value)
        catalogue.save(row)
        fresh.sources()
        return row

    return make


class Visitor:
    """One browser that visits both: the CMS over the wire, the site by Django's test client."""

    def __init__(self, library: Cms) -> None:
        self.at_cms, self.site = Patron(library), Client()

    def carry(self) -> Client:
        """Let the site receive what the CMS's domain shares with it now."""
        for name in [name for name in self.site.cookies if "SESS" in name]:
            del self.site.cookies[name]
        for name, value in self.at_cms.cookies.items():
            self.site.cookies[name] = value
        return self.site

    def get(self, path: str, **query: str) -> Any:
        """Go to a page of the site."""
        return self.carry().get(path, query)

    def enter(self, person: str = "rikke", next_url: str = "", slug: str = SLUG) -> Any:
        """Sign in at the site by way of the CMS. Returns the response of the callback."""
        started = self.get(f"/auth/login/{slug}", **({"next": next_url} if next_url else {}))
        assert started.status_code == 302, started.content
        led = self.at_cms.sign_in(person, started["Location"])
        assert led == SITE + CALLBACK
        return self.get(CALLBACK)

    def leave(self) -> Any:
        """Press the button at the site. Returns the response."""
        answer = self.carry().post("/auth/logout")
        return answer if answer["Location"] == "/" else onward(self.site, answer)

    def session(self) -> dict[str, Any]:
        """Return what the site says of who is signed in."""
        body: dict[str, Any] = self.get("/auth/session").json()
        return body

    @property
    def type(self) -> str:
        return str(self.session()["type"])


@pytest.fixture
def visitor(library: Cms, source: Make) -> Visitor:
    source()
    return Visitor(library)


def failure(response: Any) -> Event:
    """Return the event of a login that failed, which must have led to its page."""
    assert response.status_code == 303, (response.status_code, response.content)
    assert response["Location"].startswith("/login/failed/"), response["Location"]
    return Event.objects.get(support_code=response["Location"].split("/")[3].split("?")[0])


def held(outcome: Any, **changed: Any) -> SessionRef:
    """Return the session that an outcome made, with changes."""
    known = {
        "uid": "0" * 32,
        "type": "adgangsplatformen",
        "source": SLUG,
        "subject": outcome.subject,
        "expires_at": outcome.expires_at,
        "bound_to": outcome.bound_to,
    }
    return SessionRef(**{**known, **changed})
