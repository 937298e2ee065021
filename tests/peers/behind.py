"""An application behind the gateway, without a login of its own: it says what reaches it.

    with application() as own:
        own.port
        own.seen                       # each request that reached it: what was sent, word for word

Every path answers with the request as JSON, one that ends with `.html` with a page, for which the
application keeps a session of its own by the cookie `own`. A WebSocket is sent back what it sends.
"""

from __future__ import annotations

import json
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


@dataclass(frozen=True)
class Seen:
    """A request as it arrived, its headers in their order and spelling."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """Return each value of a header, whose name a framework would read as `name`."""
        alike = name.lower().replace("_", "-")
        return [value for key, value in self.headers if key.lower().replace("_", "-") == alike]


@dataclass
class Application:
    """A running application."""

    port: int
    seen: list[Seen] = field(default_factory=list)

    def last(self) -> Seen:
        """Return what arrived last, and forget what came before."""
        found = self.seen[-1]
        self.seen.clear()
        return found


@contextmanager
def application() -> Iterator[Application]:
    """Run the application on a free port of 127.0.0.1."""

    class Handler(_Handler):
        own = Application(0)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """Whoever hangs up is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        Handler.own.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield Handler.own
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    own: Application

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        seen = Seen(self.command, self.path, tuple(self.headers.items()))
        self.own.seen.append(seen)
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._echo()
            return
        self._read()
        if self.path.partition("?")[0].endswith(".html"):
            self._page(seen)
            return
        self._send(json.dumps([seen.method, seen.target, seen.headers]), "application/json")

    def _read(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()

    def _page(self, seen: Seen) -> None:
        held = SimpleCookie(", ".join(seen.all("Cookie")).replace(", ", "; ")).get("own")
        known = held.value if held else secrets.token_hex(8)
        who = "".join(seen.all("Remote-Name"))
        cookie = () if held else (("Set-Cookie", f"own={known}; Path=/; Secure; HttpOnly"),)
        title = "An old session" if held else "A new session"
        page = f"<!doctype html><title>Files</title><h1>{title}</h1><p>{who}</p><p>{known}</p>"
        self._send(page, "text/html; charset=utf-8", *cookie)

    def _send(self, text: str, kind: str, *headers: tuple[str, str]) -> None:
        body = text.encode()
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Cache-Control", "no-cache"), *headers):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _echo(self) -> None:
        """Open a WebSocket, and send the bytes of its frames back as they come."""
        key = self.headers["Sec-WebSocket-Key"] + GUID
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", b64encode(sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        while frames := self.connection.recv(4096):
            self.wfile.write(frames)
        self.close_connection = True
