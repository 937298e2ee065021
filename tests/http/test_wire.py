"""What arrives as bytes, at the real server (attacks E10, H01, H05, H08 and I05)."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.peers.site import Site

pytestmark = pytest.mark.wire

FRONT_END = "https://go.example"
PATIENCE = 30.0  # seconds that an answer may take on a machine that is busy
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    return site({"VESTIBULE_FRONTEND_ORIGINS": FRONT_END})


def answers(house: Site, request: bytes) -> list[int]:
    """Return the statuses of all answers to raw bytes, as `said` has them."""
    return [int(status) for status in STATUS.findall(said(house, request))]


def said(house: Site, request: bytes) -> bytes:
    """Return all answers to raw bytes, which the site ends by hanging up.

    Raises `TimeoutError` when it does not: every request here asks for that, or cannot be read on.
    """
    parts = urlsplit(house.url)
    received = b""
    with socket.create_connection(("127.0.0.1", parts.port or 80), PATIENCE) as wire:
        with suppress(ConnectionError):  # it read enough; what it said is still to be read
            wire.sendall(request)
        with suppress(ConnectionError):  # it left bytes of ours unread
            while piece := wire.recv(65536):
                received += piece
    return received


def head(house: Site, *lines: str, method: str = "POST", path: str = "/auth/login/local") -> bytes:
    host = urlsplit(house.url).netloc
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()


SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (403, ("Content-Length: 5", "Transfer-Encoding: chunked")),  # RFC 9112, 6.1: and hangs up
        (400, ("Transfer-Encoding: xchunked",)),
        (400, ("Content-Length: 5", "Content-Length: 6")),
        (400, ("Content-Length: -1",)),
        (400, ("Content-Length: 5\r\n folded: yes",)),
        (400, ("Bad Header: x",)),
        (400, ("X-Nul: a\0b",)),
    ],
)
def test_ambiguous_requests_smuggle_nothing(
    house: Site, status: int, lines: tuple[str, ...]
) -> None:
    assert answers(house, head(house, *lines) + b"0\r\n\r\n" + SMUGGLED) == [status]


def test_what_follows_a_plain_request_is_answered(house: Site) -> None:
    """The counterpart: what would be smuggled above is a request like any other."""
    first = head(house, method="GET", path="/healthz")
    last = head(house, "Connection: close", method="GET", path="/healthz")
    assert answers(house, first + SMUGGLED + last) == [200, 200, 200]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "a b", "[::1"])
def test_a_foreign_host_is_refused(house: Site, host: str) -> None:
    request = f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    assert answers(house, request) == [400]


@pytest.mark.parametrize("path", ["/login", "/auth/sources", "/healthz", "/nowhere"])
def test_two_hosts_are_refused_and_the_absolute_form_of_our_own_is_not(
    house: Site, path: str
) -> None:
    """RFC 9112, 3.2 and 3.2.2: the target's host counts, and it is ours."""
    own = urlsplit(house.url).netloc
    rest = "Connection: close\r\n\r\n"
    plain, *refused = (
        f"GET http://{own}{path} HTTP/1.1\r\nHost: {own}\r\n{rest}",
        f"GET {path} HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n{rest}",
        f"GET http://evil.example{path} HTTP/1.1\r\nHost: {own}\r\n{rest}",
        f"GET http://{own}@evil.example{path} HTTP/1.1\r\nHost: {own}\r\n{rest}",
        f"GET http://evil.example{path} HTTP/1.1\r\n{rest}",
        f"GET http://evil.example{path} HTTP/1.1\r\nHost: evil.example\r\n{rest}",
        f"GET {path} HTTP/1.1\r\n{rest}",
    )
    assert answers(house, plain.encode()) == [404 if path == "/nowhere" else 200]
    assert [answers(house, each.encode()) for each in refused] == [[400]] * len(refused)


def test_headers_without_end_are_cut_off(house: Site) -> None:
    huge = head(house, f"X-Long: {'x' * 1_000_000}", "Connection: close", method="GET", path="/")
    assert answers(house, huge) == [431]


@pytest.mark.parametrize("name", ["Accept", "Content-Type"])
def test_a_header_whose_parts_are_looked_for_is_short(house: Site, name: str) -> None:
    """RFC 6585, 5: each `;` after a quote costs a look at all of them before it."""
    for length, status in ((8000, 200), (9000, 431)):
        long = f'{name}: text/html;"{";" * length}'
        asked = head(house, long, "Connection: close", method="GET", path="/login")
        assert answers(house, asked) == [status]


def test_a_front_end_elsewhere_reads_what_the_front_refuses(house: Site) -> None:
    """Else its script is told of no answer at all, for as long as the cookie is there."""
    ask = ("Cookie: a=\u00e6", "Connection: close")
    for origin, readable in ((FRONT_END, True), ("https://evil.example", False), ("null", False)):
        asked = head(house, f"Origin: {origin}", *ask, method="GET", path="/auth/session")
        answer = said(house, asked).decode().lower()
        assert "delete the cookies" in answer
        assert (f"access-control-allow-origin: {origin}\r\n" in answer) is readable
        assert ("access-control-allow-credentials: true" in answer) is readable
    assert "access-control" not in said(house, head(house, *ask)).decode().lower()


def test_huge_cookies_never_break_a_page(house: Site) -> None:
    cookie = "Cookie: " + "; ".join(f"vf-{n:016x}={'x' * 200}" for n in range(40))
    found = answers(house, head(house, cookie, "Connection: close", method="GET", path="/login"))
    assert found == [200]


def test_a_huge_body_is_refused_and_the_next_request_is_served(house: Site) -> None:
    body = b"password=" + b"x" * 20_000_000
    form = "Content-Type: application/x-www-form-urlencoded"
    request = head(house, form, f"Content-Length: {len(body)}", "Connection: close") + body
    assert answers(house, request) == [
        403
    ]  # it has no CSRF token either, and that is looked at first
    assert answers(house, head(house, "Connection: close", method="GET", path="/healthz")) == [200]


@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", 302), ("OPTIONS", 302), ("TRACE", 302), ("CONNECT", 403), ("BREW", 403)],
)
def test_other_methods_open_no_door(house: Site, method: str, status: int) -> None:
    asked = head(house, "Connection: close", method=method, path="/account/")
    assert answers(house, asked) == [status]
