"""The proxies of `deploy/`: an answer reaches the browser whole, however long its head is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from accounts.upstream.urls import LONGEST_VISIT
from portal.door.cookies import LONGEST
from tests.peers import proxies

LOCATION = f"https://op.example/logout?id_token_hint={'x' * LONGEST_VISIT}"[:LONGEST_VISIT]


class LongHead(BaseHTTPRequestHandler):
    """Somebody leaves: the longest address of an upstream, and the longest cookies."""

    def do_GET(self) -> None:
        self.send_response(303)
        self.send_header("Location", LOCATION)
        self.send_header("Set-Cookie", f"__Host-vestibule-again={'y' * LONGEST}; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), LongHead) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("name", proxies.NAMES)
def test_who_leaves_by_the_longest_address_arrives(site: int, name: str) -> None:
    with proxies.before(name, site) as (port, authority):
        left = requests.get(
            f"https://localhost:{port}/auth/logout",
            verify=str(authority),
            allow_redirects=False,
            timeout=30,
        )
    assert (left.status_code, left.headers.get("Location")) == (303, LOCATION)
    assert len(left.headers["Set-Cookie"]) > LONGEST
