"""A visit to the site itself, by the address that people use: as a browser would, but over one
plain connection, which shows the certificate, the own address and how long things take.

`accounts/http` is for upstreams: it keeps connections, rests after failures, and refuses http.
"""

import json
import socket
import ssl
import time
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from accounts import conf

SECONDS = 10.0
MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer: its status and headers, what its JSON says, from which address we have asked, when
    it came (a Unix time), and the certificate as `SSLSocket.getpeercert` has it.
    """

    status: int
    headers: Message
    told: dict[str, Any]
    own_address: str
    at: float
    certificate: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unseen:
    """There was no answer. `why` is one word or a short sentence, `is_tls` whether TLS failed."""

    why: str
    is_tls: bool = False


def connect(url: str, seconds: float = SECONDS) -> socket.socket:
    """Return a connection to the site of `url`. Raises `OSError`, of TLS `ssl.SSLError`."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    connection = socket.create_connection((host, parts.port or (443 if secure else 80)), seconds)
    if not secure:
        return connection
    trust = ssl.create_default_context()
    if conf.http_limits().ca:
        trust.load_verify_locations(conf.http_limits().ca)
    try:
        return trust.wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise


def head(method: str, url: str, headers: dict[str, str]) -> bytes:
    """Return the head of a request (RFC 9112, 3)."""
    parts = urlsplit(url)
    lines = [f"{method} {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def ask(url: str, headers: dict[str, str]) -> Seen | Unseen:
    """Return the answer to a GET, or why there is none."""
    try:
        with connect(url) as connection:
            own = connection.getsockname()[0]
            secured = isinstance(connection, ssl.SSLSocket)
            shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
            connection.sendall(head("GET", url, {"Accept": "application/json", **headers}))
            answer = HTTPResponse(connection)
            answer.begin()
            body = answer.read(MOST)
    except ssl.SSLError as error:
        return Unseen(getattr(error, "verify_message", "") or error.reason or "TLS", is_tls=True)
    except (OSError, HTTPException) as error:
        return Unseen(getattr(error, "strerror", None) or type(error).__name__)
    certificate = dict(shown or {}) if secured else {}
    return Seen(answer.status, answer.headers, _told(body), own, time.time(), certificate)


def open_body(url: str, seconds: float) -> tuple[int, float]:
    """Announce a body that never comes. Returns the status, 0 for none, and the seconds until the
    connection was answered or dropped, at most `seconds`.
    """
    began, status = time.monotonic(), 0
    try:
        with connect(url) as connection:
            connection.settimeout(seconds)
            announced = {"Content-Type": "application/json", "Content-Length": "10"}
            connection.sendall(head("POST", url, announced))
            answer = HTTPResponse(connection)
            answer.begin()
            status = answer.status
    except (OSError, HTTPException):
        pass  # dropped, or silent: the time says which
    return status, time.monotonic() - began


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
