"""The address at which a client listens for logouts: a server of its own."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt

from tests.http.oauth.application import SITE, Application

PATIENCE = 120.0  # seconds


class Listener:
    """The address of a client, on this machine, which keeps what it is told. While `answering` is
    cleared it takes a call and says nothing.
    """

    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []
        self.status = 200
        self.answering = threading.Event()
        self.answering.set()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                listener.answering.wait(PATIENCE)
                listener.told.append({name: v[0] for name, v in parse_qs(body).items()})
                self.send_response(listener.status)
                if listener.status == 302:
                    self.send_header("Location", listener.url + "elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def wait(self, count: int = 1) -> list[dict[str, str]]:
        ends = time.monotonic() + 120
        while len(self.told) < count and time.monotonic() < ends:
            time.sleep(0.02)
        return self.told


def token_of(app: Application, told: dict[str, str]) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_dict(app.back.get("/oauth/jwks").json())
    raw = told["logout_token"]
    header = jwt.get_unverified_header(raw)
    assert header["typ"] == "logout+jwt"
    return jwt.decode(
        raw, keys[header["kid"]], algorithms=["RS256"], audience=app.client.client_id, issuer=SITE
    )
