"""The stand-in for Unilogin, a source whose upstream it is, and people who sign in by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Source
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from accounts.source import catalogue
from tests.http.unilogin.liar import Liar, lying_broker
from tests.http.unilogin.standin import Browser, Standin
from tests.peers import fresh

Make = Callable[..., Source]


@pytest.fixture(scope="session")
def _standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    own = Standin(tmp_path_factory.mktemp("unilogin"))
    own.start()
    yield own
    own.stop()


@pytest.fixture
def standin(_standin: Standin) -> Iterator[Standin]:
    """Give the stand-in, as fresh as a new one and running."""
    if _standin.process is None:
        _standin.start()
    _standin.clean()
    yield _standin
    with suppress(OSError):  # a test may have ended it
        _standin.clean()


@pytest.fixture
def source(house: None, standin: Standin) -> Make:
    """Make (or change) the source: `source(slug="unilogin", columns=None, **settings)`."""

    def make(
        slug: str = "unilogin", columns: dict[str, Any] | None = None, **settings: Any
    ) -> Source:
        row = Source.objects.filter(slug=slug).first() or Source(slug=slug, provider="unilogin")
        row.settings = standin.settings(**settings)
        for name, value in (columns or {}).items():
            setattr(row, name, value)
        catalogue.save(row)
        fresh.sources()
        return row

    return make


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying_broker() as broker:
        yield broker


@pytest.fixture
def browser(client: Client) -> Browser:
    return Browser(client)


def typed(browser: Browser) -> Session:
    """Return the session as a request would find it."""
    return SessionStore(browser.site.cookies["vestibule"].value).typed


def later(seconds: int) -> Any:
    """Go on so many seconds later, at the site: the stand-in keeps its own time."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)
