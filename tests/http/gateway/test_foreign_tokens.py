"""The gateway takes the access tokens of a source with `accept_bearer` (docs/contract.md 4)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from accounts.models import Source, User
from accounts.source import catalogue
from tests.http.gateway.asking import ask, rule
from tests.peers import fresh
from tests.peers.tampering import CLIENT_ID, OpenIdProvider, tampering_provider

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("house"),
    pytest.mark.wire,
]


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        settings = {"issuer": running.issuer, "client_id": CLIENT_ID, "accept_bearer": True}
        catalogue.save(Source(slug="cloud", provider="oidc", settings=settings))
        fresh.sources()
        yield running


def token(op: OpenIdProvider, audience: str = CLIENT_ID, lives: int = 300) -> str:
    now = int(time.time())
    claims = {"iss": op.issuer, "sub": "remote-1", "aud": audience, "exp": now + lives, "iat": now}
    return op.sign({**claims, "scope": "openid", "name": "Remote"})


def test_a_token_of_a_source_opens_without_a_scope_of_ours(op: OpenIdProvider) -> None:
    rule("files")
    rule("desk", path="/desk", groups=["Caseworkers"], order=1)
    shown = {"Authorization": f"Bearer {token(op)}", "method": "PROPFIND", "Depth": "1"}
    opened = ask(**shown)
    assert opened.status_code == 200
    assert opened["Remote-User"] == User.objects.get().uid
    assert (opened["X-Session-Type"], opened["X-Session-Source"]) == ("oidc", "cloud")
    assert ask(**shown, path="/desk").status_code == 403


def test_a_token_for_somebody_else_or_of_yesterday_opens_nothing(op: OpenIdProvider) -> None:
    rule("files")
    for wrong in (token(op, audience="another"), token(op, lives=-3600)):
        answer = ask(method="PROPFIND", Authorization=f"Bearer {wrong}")
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer["WWW-Authenticate"]
