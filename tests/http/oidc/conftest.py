"""Sources whose upstream is the certified provider, and people who sign in by them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounts.models import Event, Source
from accounts.source import catalogue
from providers.oidc import provider as oidc
from tests.http.oidc.browser import Browser
from tests.peers import fresh, patience
from tests.peers.certificates import Certificates, make_certificates
from tests.peers.certified import SECRET, Certified, Peer, certified
from tests.peers.site import free_port

SLUGS = ("town", "school", "library")
SITE = "http://localhost:8000"
CALLBACKS = " ".join(f"{SITE}/auth/callback/{slug}" for slug in SLUGS)
Make = Callable[..., Source]


@pytest.fixture(scope="session")
def _provider() -> Iterator[Certified]:
    # A client that wants to hear of logouts, at an address where nobody listens, gets a `sid`.
    backchannel = f"http://127.0.0.1:{free_port()}/"
    with certified(
        OP_REDIRECT_URIS=CALLBACKS, OP_AUTO_CONSENT="1", OP_BACKCHANNEL_URI=backchannel
    ) as running:
        yield running


@pytest.fixture
def provider(_provider: Certified) -> Certified:
    """Give the certified provider over http, as fresh as a new one."""
    _provider.clean()
    return _provider


@pytest.fixture
def mortal() -> Iterator[Certified]:
    """Give a provider of the test's own, which it may end."""
    with certified(OP_REDIRECT_URIS=CALLBACKS, OP_AUTO_CONSENT="1") as running:
        yield running


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("oidc-ca"), ("127.0.0.1", "localhost"))


@pytest.fixture(scope="session")
def _provider_over_tls(certificates: Certificates) -> Iterator[Certified]:
    with certified(certificates, OP_REDIRECT_URIS=CALLBACKS) as running:
        yield running


@pytest.fixture
def provider_over_tls(_provider_over_tls: Certified, settings: Any) -> Certified:
    """Give the certified provider over https, with consent asked for; the site trusts its CA."""
    settings.VESTIBULE_HTTP_CA = _provider_over_tls.ca
    settings.VESTIBULE_HTTP_PLAIN = False
    _provider_over_tls.clean()
    return _provider_over_tls


@pytest.fixture
def source(house: None, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make (or change) a source: `source(peer, slug="town", columns=None, **settings)`."""
    monkeypatch.setattr(oidc, "LEAVING_SECONDS", patience.LONG)

    def make(
        peer: Peer, slug: str = "town", columns: dict[str, Any] | None = None, **settings: Any
    ) -> Source:
        row = Source.objects.filter(slug=slug).first() or Source(slug=slug, provider="oidc")
        row.label = slug.title()
        registered = {"issuer": peer.issuer, "client_id": "portal", "client_secret": SECRET}
        chosen = {**registered, **settings}
        row.settings = {name: value for name, value in chosen.items() if value is not None}
        for name, value in (columns or {}).items():
            setattr(row, name, value)
        catalogue.save(row)
        fresh.sources()
        return row

    return make


@pytest.fixture
def browser(client: Client) -> Browser:
    return Browser(client)


def failure(response: Any) -> Event:
    """Return the event of a login that failed, which must have led to its page."""
    assert response.status_code == 303, (response.status_code, response.content)
    assert response["Location"].startswith("/login/failed/"), response["Location"]
    return Event.objects.get(support_code=response["Location"].split("/")[3].split("?")[0])


def parallel(count: int, work: Callable[[], Any]) -> list[Any]:
    """Do the same `count` times at once, each with a database connection of its own."""
    together = threading.Barrier(count)

    def one(_number: int) -> Any:
        try:
            together.wait(30)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def in_tabs(count: int, browser: Client) -> list[Any]:
    """Ask who is signed in from so many tabs of a browser at once. Returns the answers."""
    cookie = browser.cookies["vestibule"].value

    def ask() -> Any:
        tab = Client(raise_request_exception=False)
        tab.cookies["vestibule"] = cookie
        return tab.get("/auth/session")

    return parallel(count, ask)
