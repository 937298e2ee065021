"""What the front tells the site of a caller and its body, direct and behind the proxies of deploy/
(docs/decisions/0007-rsgi.md).
"""

from __future__ import annotations

import io
import json
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pycurl
import pytest

from tests.peers import echo as echoing
from tests.peers import proxies
from tests.peers.site import ROOT, TAKEN, environment, free_port

PROXY, STRANGER = "127.0.0.1", "127.0.0.2"  # both are this machine; the first is trusted
ASKING = 100  # at once, of whom a busy machine has answered some before the last
TRIES = 4  # a busy machine may ask so late that the first body is given up
PATIENCE = 40  # seconds: the echo's deadline is two, Caddy hands its answer on after 21
LIES = {
    "X-Forwarded-For": "203.0.113.66",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "66",
    "X-Forwarded-Uri": "/evil",
    "X-Forwarded-Method": "EVIL",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-URL": "/evil",
    "X-Original-Method": "EVIL",
    "X-Real-IP": "203.0.113.66",
    "Forwarded": "for=203.0.113.66;proto=gopher;host=evil.example",
}
SPELT: dict[str, Callable[[str], str]] = {
    "as usual": str,
    "with underscores": lambda name: name.replace("-", "_"),
    "half and half": lambda name: name.replace("-", "_", 1),
    "loud": str.upper,
    "loud, with underscores": lambda name: name.replace("-", "_").upper(),
}


@dataclass(frozen=True)
class Way:
    """A way to the front: through a proxy over https, or straight."""

    port: int
    authority: Path | None = None

    def connect(self, source: str) -> socket.socket:
        wire = socket.create_connection((PROXY, self.port), PATIENCE, source_address=(source, 0))
        if self.authority is None:
            return wire
        context = ssl.create_default_context(cafile=self.authority)
        return context.wrap_socket(wire, server_hostname="localhost")

    def ask(self, *lines: str, body: bytes = b"", source: str = STRANGER) -> tuple[int, bytes]:
        """Return status and body of the answer to a raw request."""
        head = "\r\n".join([lines[0], f"Host: localhost:{self.port}", *lines[1:], "", ""])
        with closing(self.connect(source)) as wire:
            wire.sendall(head.encode("latin-1") + body)
            return answer(wire)


def answer(wire: socket.socket) -> tuple[int, bytes]:
    received = b""
    while piece := wire.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]) if head else 0, body


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    """Give the port of an application behind the front that says what it was told."""
    port = free_port()
    command = [
        "setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "granian", "--interface", "rsgi",
        "--runtime-mode", "mt", "--port", str(port), "--no-ws", *TAKEN,
        "tests.peers.echo:application",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=environment({"ECHO_TRUSTED": PROXY}))
    way, deadline = Way(port), time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline
        try:
            way.ask("GET / HTTP/1.1", "Connection: close")
        except OSError:
            time.sleep(0.1)
        else:
            break
    yield port
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="module", params=["straight", *proxies.NAMES])
def way(request: pytest.FixtureRequest, echo: int) -> Iterator[Way]:
    """Give each way to the front."""
    with ExitStack() as stack:
        if request.param == "straight":
            yield Way(echo)
        else:
            yield Way(*stack.enter_context(proxies.before(request.param, echo)))


def told(way: Way, *lines: str, source: str = STRANGER) -> dict[str, str]:
    status, body = way.ask("GET /a?b=c HTTP/1.1", "Connection: close", *lines, source=source)
    assert status == 200
    words: dict[str, str] = json.loads(body)
    return words


@pytest.mark.parametrize("spelt", SPELT)
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_nobody_lies_about_where_they_come_from(way: Way, spelt: str, is_before: bool) -> None:
    lies = [f"{SPELT[spelt](name)}: {value}" for name, value in LIES.items()]
    others = [f"X-Other-{number}: {number}" for number in range(12)]
    heard = told(way, *(lies + others if is_before else others + lies))
    assert heard["REMOTE_ADDR"] == STRANGER
    assert heard["HTTP_X_OTHER_7"] == "7"
    said = " ".join(heard.values()).lower()
    assert "203.0.113.66" not in said
    assert "evil" not in said
    assert "gopher" not in said
    if way.authority is None:
        assert heard["wsgi.url_scheme"] == "http"
        assert not [name for name in heard if "FORWARDED" in name or "X_ORIGINAL" in name]
    else:
        assert heard["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("name", ["x.forwarded.for", "x_anything", "x~forwarded~for", "_", "x-y_z"])
def test_a_name_that_could_pass_for_another_is_left_out(echo: int, name: str) -> None:
    for source in (PROXY, STRANGER):
        heard = told(Way(echo), f"{name}: 203.0.113.66", source=source)
        assert "203.0.113.66" not in heard.values()


@pytest.mark.parametrize("path", ["", "/", "/public", "?redirect=401", "/../check"])
def test_the_check_of_the_gateway_is_for_web_servers_alone(way: Way, path: str) -> None:
    for line in (f"GET /gateway/check{path}", f"PROPFIND /gateway/%63heck{path}"):
        status, _body = way.ask(f"{line} HTTP/1.1", "Connection: close")
        assert status == (200 if way.authority is None else 404), line


def test_a_trusted_proxy_names_the_client(echo: int) -> None:
    lines = ("X-Forwarded-For: 203.0.113.5", "X-Forwarded-For: 198.51.100.7", "X-Original-URL: /b")
    heard = told(Way(echo), *lines, "X-Forwarded-Proto: https", source=PROXY)
    assert heard["REMOTE_ADDR"] == "198.51.100.7"
    assert heard["wsgi.url_scheme"] == "https"
    assert heard["HTTP_X_ORIGINAL_URL"] == "/b"


def test_lines_of_one_name_are_joined(echo: int) -> None:
    heard = told(Way(echo), "Cookie: a=1", "Cookie: b=2", "Accept: x/y", "Accept: z/w")
    assert heard["HTTP_COOKIE"] == "a=1; b=2"
    assert heard["HTTP_ACCEPT"] == "x/y,z/w"


@pytest.mark.parametrize(
    "cookie", ["by=\xf8; a=1; b=2", "a=1; by=K\xc3\xb8benhavn; c=\xe6;b=2", "a=1; b=2; by=\xff"]
)
def test_e07_a_cookie_that_is_not_ascii_takes_no_other_along(way: Way, cookie: str) -> None:
    """Any neighbour below one domain can set one. Straight, the front says what to do."""
    status, body = way.ask("GET / HTTP/1.1", "Connection: close", f"Cookie: {cookie}")
    if way.authority is None:
        assert status == 400
        assert "Delete the cookies" in json.loads(body)["error_description"]
    else:
        held = json.loads(body)["HTTP_COOKIE"].split(";")
        assert [each.strip() for each in held if each.strip()] == ["a=1", "b=2"]


def test_a_body_arrives_whole(way: Way) -> None:
    status, body = way.ask(
        "POST / HTTP/1.1", "Connection: close", "Content-Length: 5", body=b"hello"
    )
    assert (status, json.loads(body)["body"]) == (200, "hello")


def test_a_body_in_chunks_arrives_whole(way: Way) -> None:
    chunks = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    lines = ("POST / HTTP/1.1", "Connection: close", "Transfer-Encoding: chunked")
    status, body = way.ask(*lines, body=chunks)
    heard = json.loads(body)
    assert (status, heard["body"], heard["CONTENT_LENGTH"]) == (200, "hello world", "11")


def test_of_a_body_that_is_too_large_only_the_length_is_told(echo: int) -> None:
    lines = ("POST / HTTP/1.1", "Connection: close")
    announced = json.loads(Way(echo).ask(*lines, "Content-Length: 1001", body=b"x" * 1001)[1])
    chunks = b"5dc\r\n" + b"x" * 1500 + b"\r\n0\r\n\r\n"
    chunked = json.loads(Way(echo).ask(*lines, "Transfer-Encoding: chunked", body=chunks)[1])
    assert (announced["body"], announced["CONTENT_LENGTH"]) == ("", "1001")
    assert chunked["body"] == ""
    assert int(chunked["CONTENT_LENGTH"]) > 1000


@pytest.mark.parametrize("size", [3 * 10**5, 3 * 10**6, 20 * 10**6])
def test_a_body_that_is_too_large_is_answered_and_by_no_bad_gateway(way: Way, size: int) -> None:
    """By a client that reads while it sends, as browsers do. 413 is the proxy's."""
    body = b"x" * size
    said = Counter(timely(lambda: curl(way, body)) for _ in range(12))
    assert set(said) <= {200, 413, None}, said
    assert set(said) != {None}, "every answer was lost"


def test_so_is_a_body_that_comes_with_a_head_that_is_refused(way: Way) -> None:
    long = f"Accept: {'x' * 9000}"
    said = Counter(timely(lambda: curl(way, b"x" * 240_000, long)) for _ in range(12))
    assert set(said) <= {431, None}, said
    assert set(said) != {None}, "every answer was lost"


def test_a_body_that_is_too_large_and_late_is_too_large(echo: int) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost:{echo}\r\nContent-Length: 3000\r\n"
    with closing(Way(echo).connect(STRANGER)) as wire:
        wire.sendall(f"{head}Connection: close\r\n\r\n".encode() + b"x" * 2000)
        status, body = answer(wire)
    assert (status, json.loads(body)["CONTENT_LENGTH"]) == (200, "3000")


def test_whoever_asks_before_they_send_a_body_is_answered_before(echo: int) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost:{echo}\r\nContent-Length: 3000\r\n"
    with closing(Way(echo).connect(STRANGER)) as wire:
        wire.sendall(f"{head}Expect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("rest", ["", "zz\r\n", "5\r\nhel", "0\r\nbroken\r\n"])
def test_a_part_of_a_body_in_chunks_is_no_body(echo: int, rest: str) -> None:
    lines = ("POST / HTTP/1.1", f"Host: localhost:{echo}", "Transfer-Encoding: chunked")
    with closing(Way(echo).connect(STRANGER)) as wire:
        wire.sendall("\r\n".join([*lines, "", "5\r\nhello", rest]).encode())
        wire.shutdown(socket.SHUT_WR)
        status, _ = answer(wire)
    assert status in {0, 400}


def test_over_http_2_a_head_has_no_body_and_a_length_is_one(echo: int) -> None:
    call = {"version": pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE}
    assert curl(Way(echo), None, **call) == 200
    assert curl(Way(echo), b"xx", "Content-Length: 2", "Content-Length: 2", **call) == 400


@pytest.mark.parametrize("size", [3, 5000])
def test_over_http_2_a_head_may_bring_a_body(echo: int, size: int) -> None:
    call = {"version": pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE, "method": "HEAD"}
    assert curl(Way(echo), b"x" * size, **call) == 200
    assert curl(Way(echo), b"x" * size, f"Accept: {'x' * 9000}", **call) == 431


def test_connections_that_say_nothing_hold_nobody_up(echo: int) -> None:
    """Granian by itself takes a thousand, shared among its workers, and hears nobody else then."""
    with ExitStack() as stack:
        for _ in range(1200):
            stack.enter_context(closing(Way(echo).connect(STRANGER)))
        assert told(Way(echo))


def test_of_many_who_wait_for_a_thread_the_last_are_told_so(echo: int) -> None:
    head = f"GET /slow HTTP/1.1\r\nHost: localhost:{echo}\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        wires = [stack.enter_context(closing(Way(echo).connect(STRANGER))) for _ in range(ASKING)]
        for wire in wires:
            wire.sendall(head.encode())
        said = Counter(answer(wire) for wire in wires)
    served = sum(number for (status, _body), number in said.items() if status == 200)
    assert echoing.MOST_WAITING <= served < ASKING
    ((status, body),) = (each for each in said if each[0] != 200)
    assert (status, json.loads(body)["error"]) == (503, "temporarily_unavailable")


def test_large_bodies_beyond_the_room_for_them_are_refused(echo: int) -> None:
    """Those of a length that is not told count as large; small ones find room all the same."""
    head = f"POST / HTTP/1.1\r\nHost: localhost:{echo}\r\nConnection: close\r\n"
    chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode()
    small = ("POST / HTTP/1.1", "Connection: close", "Content-Length: 5")
    said = []
    for _try in range(TRIES):
        with ExitStack() as stack:
            wires = [stack.enter_context(closing(Way(echo).connect(STRANGER))) for _ in range(5)]
            for wire in wires:
                wire.sendall(chunked)
            status, body = Way(echo).ask(*small, body=b"hello")
            assert (status, json.loads(body)["body"]) == (200, "hello")
            said.append(Counter(answer(wire)[0] for wire in wires))
        if said[-1] == {408: 3, 503: 2}:
            break
    assert said[-1] == {408: 3, 503: 2}, said
    for _ in range(4):
        assert Way(echo).ask(*small, body=b"hello")[0] == 200
        with closing(Way(echo).connect(STRANGER)) as wire:
            wire.sendall(chunked + b"0\r\n\r\n")
            assert answer(wire)[0] == 200


def timely(call: Callable[[], int]) -> int | None:
    """Return the status of an answer, or None where a busy machine took longer than the echo waits:
    a proxy ends the connection then, on which the answer may be lost (RFC 9112, 9.6).
    """
    began = time.monotonic()
    try:
        return call()
    except pycurl.error:
        if time.monotonic() - began < echoing.DEADLINE:
            raise
        return None


def curl(
    way: Way,
    body: bytes | None,
    *lines: str,
    version: int = pycurl.CURL_HTTP_VERSION_1_1,
    method: str = "",
) -> int:
    """Send a body without asking first, or a HEAD. Returns the status of the answer."""
    call = pycurl.Curl()
    call.setopt(call.URL, f"http{'s' if way.authority else ''}://localhost:{way.port}/")
    call.setopt(call.HTTP_VERSION, version)
    call.setopt(call.NOBODY, body is None)
    if body is not None:
        call.setopt(call.POSTFIELDS, body)
    if method:
        call.setopt(call.CUSTOMREQUEST, method)
    call.setopt(call.HTTPHEADER, ["Expect:", *lines])
    call.setopt(call.WRITEDATA, io.BytesIO())
    if way.authority:
        call.setopt(call.CAINFO, str(way.authority))
    with closing(call):
        call.perform()
        return int(call.getinfo(call.RESPONSE_CODE))


@pytest.mark.parametrize("lines", [("Content-Length: 9",), ("Transfer-Encoding: chunked",)])
def test_a_body_that_is_not_whole_in_time_is_408(way: Way, lines: tuple[str, ...]) -> None:
    began = time.monotonic()
    body = b"5\r\nhello\r\n" if "chunked" in lines[0] else b"hello"
    head = "\r\n".join(["POST / HTTP/1.1", f"Host: localhost:{way.port}", *lines, "", ""])
    with closing(way.connect(STRANGER)) as wire:
        wire.sendall(head.encode() + body)
        assert wire.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert 1.5 < time.monotonic() - began < PATIENCE


def test_a_body_that_drips_is_not_whole_in_time(way: Way) -> None:
    began = time.monotonic()
    with closing(way.connect(STRANGER)) as wire:
        host = f"Host: localhost:{way.port}"
        wire.sendall(f"POST / HTTP/1.1\r\n{host}\r\nContent-Length: 900\r\n\r\n".encode())
        wire.settimeout(0.2)
        received = b""
        while not received and time.monotonic() - began < PATIENCE:
            wire.sendall(b"x")
            try:
                received = wire.recv(65536)
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 408 ")
    assert 1.5 < time.monotonic() - began < PATIENCE


def test_a_part_of_a_body_is_no_body(echo: int) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost:{echo}\r\nContent-Length: 9\r\n\r\n"
    with closing(Way(echo).connect(STRANGER)) as wire:
        wire.sendall(head.encode() + b"hello")
        wire.shutdown(socket.SHUT_WR)
        status, _ = answer(wire)
    assert status in {0, 400}
