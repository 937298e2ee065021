"""A caller who writes each byte of a request, at the application behind a web server."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

from tests.peers.gateways import FILES


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        return "".join(self.all(name))


@dataclass(frozen=True)
class Wire:
    """The way to a web server: its port, and the authority of its certificate."""

    port: int
    authority: Path

    @property
    def host(self) -> str:
        return f"{FILES}:{self.port}"

    def connect(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=self.authority)
        context.set_alpn_protocols(["http/1.1"])
        wire = socket.create_connection(("127.0.0.1", self.port), 60)
        # Else the request waits, 40 ms, until the end of the handshake is acknowledged.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(wire, server_hostname=FILES)

    def ask(self, line: str, *lines: str, body: bytes = b"", host: str | None = None) -> Answer:
        """Send a request and return the answer. `line` is method and target; `host` may lie. Who
        is answered before the body is sent may be cut off: the answer is read all the same.
        """
        named = f"Host: {self.host if host is None else host}"
        head = "\r\n".join([f"{line} HTTP/1.1", named, "Connection: close", *lines, "", ""])
        with closing(self.connect()) as wire:
            with suppress(ConnectionError, ssl.SSLError):
                wire.sendall(head.encode("latin-1") + body)
            return answer(wire, line.split()[0])


def answer(wire: socket.socket, method: str = "GET") -> Answer:
    """Return the next answer on a connection; status 0 when it was closed instead."""
    response = HTTPResponse(wire, method=method)
    try:
        response.begin()
        return Answer(response.status, tuple(response.getheaders()), response.read())
    except (OSError, ValueError, ConnectionError) as error:
        if isinstance(error, ssl.SSLError | ConnectionError):
            return Answer(0, (), b"")
        raise
    finally:
        response.close()
