"""The relying party as the tests of OpenID Connect drive it: the real provider class over HTTP.

The judge is whether an `Authentication` comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.errors import ProtocolError
from accounts.http import Client
from accounts.login.flow import new_flow
from accounts.provider import Authentication, LoginFlow, SessionRef, SourceRef, TokenSet
from providers.oidc.provider import OidcProvider
from providers.oidc.settings import OidcSettings
from tests.peers.tampering import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, tampering_provider

CALLBACK = "http://localhost:8000/auth/callback/city"
DONE = "http://localhost:8000/auth/logout/done"
HELD = SessionRef("0" * 32, "oidc", "city", "somebody")


class Clock:
    """The time of both sides, which a test can move."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def skip(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


class Portal:
    """One relying party of one provider."""

    def __init__(self, op: OpenIdProvider) -> None:
        self.op, self.clock = op, Clock()
        op.now = lambda: self.clock().timestamp()

    def source(self, **settings: Any) -> OidcProvider:
        """Return a source with our registration at the provider, changed by `settings`."""
        usual = {
            "issuer": self.op.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        source = SourceRef("city", "City", CALLBACK)
        return OidcProvider(
            source, OidcSettings(**{**usual, **settings}), Client("source:city"), self.clock
        )

    def flow(self) -> LoginFlow:
        return new_flow("city", CALLBACK, "", self.clock())

    def answer(self, source: OidcProvider, flow: LoginFlow) -> dict[str, str]:
        """Return what the provider sends back with the browser."""
        return self.op.authorize(source.begin_login(flow).url)

    def login(self, source: OidcProvider | None = None, **settings: Any) -> Authentication:
        source = source or self.source(**settings)
        flow = self.flow()
        return source.complete_login(flow, self.answer(source, flow), {})

    def refused(self, source: OidcProvider | None = None, **settings: Any) -> ProtocolError:
        """Sign in, which must fail by a typed error that repeats nothing of the upstream's."""
        with pytest.raises(ProtocolError) as caught:
            self.login(source, **settings)
        assert "secret-of-the-body" not in str(caught.value)
        assert caught.value.__cause__ is None
        return caught.value

    def signed_in(self, **settings: Any) -> tuple[OidcProvider, TokenSet]:
        """Sign in and return the source with the tokens of the session."""
        source = self.source(**settings)
        tokens = self.login(source).tokens
        assert tokens is not None
        return source, tokens


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    """Run a provider that finds nothing to complain of in what it is asked."""
    with tampering_provider() as running:
        yield running
    assert running.complaints == []


@pytest.fixture
def portal(op: OpenIdProvider) -> Portal:
    return Portal(op)
