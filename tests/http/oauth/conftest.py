"""A person who is signed in, and the applications that they use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client as Browser

from accounts.models import User
from portal.authorization_server.models import Client
from tests.http.conftest import sign_in
from tests.http.oauth.application import Application, register
from tests.http.oauth.listener import Listener


@pytest.fixture
def browser(person: User) -> Browser:
    """Give the browser in which alice is signed in."""
    own = Browser()
    sign_in(own)
    return own


@pytest.fixture
def app(browser: Browser) -> Application:
    """Give a public application in the browser of alice."""
    return Application(register(), browser)


@pytest.fixture
def server(browser: Browser) -> Application:
    """Give an application on a server, with a secret."""
    return Application(register("server", auth_method=Client.Method.BASIC), browser)


@pytest.fixture
def native(browser: Browser) -> Application:
    """Give an installed application, which listens on loopback."""
    row = register("native", kind=Client.Kind.NATIVE, redirect_uris="http://127.0.0.1")
    own = Application(row, browser)
    own.redirect_uri = "http://127.0.0.1:53123"
    return own


@pytest.fixture
def listener() -> Iterator[Listener]:
    own = Listener()
    yield own
    own.server.shutdown()
    own.server.server_close()


@pytest.fixture
def told(browser: Browser, listener: Listener) -> Application:
    row = register("told", backchannel_logout_uri=listener.url, skip_authorization=True)
    own = Application(row, browser)
    own.sign_in()
    return own
