"""A second OpenID provider (PyPI oidc-provider-mock, on Authlib), for a second opinion."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.peers.certified import Peer
from tests.peers.site import free_port

PERSON = {
    "sub": "alice",
    "name": "Alice Ærø",
    "preferred_username": "alice",
    "email": "alice@example.org",
    "email_verified": True,
}


@contextmanager
def second_provider() -> Iterator[Peer]:
    """Give the provider on a free port of 127.0.0.1. It knows one person and takes any client."""
    port = free_port()
    command = [
        sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port),
        "--user-claims", json.dumps(PERSON),
    ]  # fmt: skip
    peer = Peer(f"http://127.0.0.1:{port}", command, {})
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()
        peer.log.close()
