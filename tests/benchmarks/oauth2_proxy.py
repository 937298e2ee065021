"""oauth2-proxy, whose session is sealed in its cookie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.provider import CLIENT_ID, CLIENT_SECRET
from tests.benchmarks.servers import Served, running
from tests.peers.site import free_port

PROGRAM = Path(__file__).parent / ".peers" / "bin" / "oauth2-proxy"


def is_installed() -> bool:
    """Tell whether the program is there (tests/benchmarks/install)."""
    return PROGRAM.exists()


@contextmanager
def oauth2_proxy(issuer: str) -> Iterator[Served]:
    """Serve the question of a web server, to whoever has signed in at `issuer`."""
    port = free_port()
    told = {
        "http-address": f"127.0.0.1:{port}",
        "redirect-url": f"http://127.0.0.1:{port}/oauth2/callback",
        "provider": "oidc",
        "oidc-issuer-url": issuer,
        "oidc-email-claim": "sub",
        "insecure-oidc-allow-unverified-email": "true",
        "client-id": CLIENT_ID,
        "client-secret": CLIENT_SECRET,
        "code-challenge-method": "S256",
        "cookie-secret": "a-password-of-thirty-two-letters",
        "cookie-secure": "false",
        "email-domain": "*",
        "upstream": "static://202",
        "request-logging": "false",
        "auth-logging": "false",
        "standard-logging": "false",
    }
    command = [str(PROGRAM), *(f"--{name}={value}" for name, value in told.items())]
    with running(command, {}, port) as served:
        yield served
