"""A broker that lies when a test tells it to, in front of the stand-in's institution service.

liar.op.answers["end_session"] = page(500)      # what tests.peers.tampering offers
liar.introspection["active"] = False            # what the introspection says
liar.left                                       # the hints that its logout was called with
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from tests.peers.tampering import (
    CLIENT_ID,
    CLIENT_SECRET,
    SUBJECT,
    OpenIdProvider,
    tampering_provider,
    without_removed,
)

TOKENS = {"expires_in": 300, "refresh_expires_in": 1799}


@dataclass
class Liar:
    """The broker as a test sees it."""

    op: OpenIdProvider
    introspection: dict[str, Any] = field(default_factory=dict)
    left: list[dict[str, str]] = field(default_factory=list)

    def settings(self, **changed: Any) -> dict[str, Any]:
        """Return what a source needs to know of it, and not of the institution service."""
        known = {
            "issuer": self.op.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
        return {**known, **changed}

    def enter(self, client: Client, next_url: str = "") -> Any:
        """Sign in. Returns the response of the callback."""
        query = {"next": next_url} if next_url else {}
        started = client.get("/auth/login/unilogin", query)
        assert started.status_code == 302, started.headers
        return client.get("/auth/callback/unilogin", self.op.authorize(started["Location"]))


@contextmanager
def lying_broker() -> Iterator[Liar]:
    """Run it; in the beginning it tells the truth about a pupil of the stand-in's first school."""
    with tampering_provider() as op:
        liar = Liar(op)
        liar.introspection |= {
            "active": True, "sub": SUBJECT, "uniid": "liar1234", "institution_ids": "[A10101]",
        }  # fmt: skip
        op.client_auth = "post"
        op.claims = {"has_license": "true"}
        op.tokens = dict(TOKENS)

        def introspect(call: Any) -> tuple[int, bytes, str]:
            said = json.dumps(without_removed(liar.introspection))
            return 200, said.encode(), "application/json"

        def end_session(call: Any) -> tuple[int, bytes, str]:
            liar.left.append({name: values[0] for name, values in call.query.items()})
            return 200, b"<html>", "text/html"

        op.answers |= {"introspect": introspect, "end_session": end_session}
        yield liar
