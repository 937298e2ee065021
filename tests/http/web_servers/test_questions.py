"""What each web server asks, and what becomes of a request meanwhile (docs/web-servers.md 1)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http.web_servers.wire import Wire
from tests.peers import gateways
from tests.peers.behind import Application, Seen, application
from tests.peers.certificates import Certificates
from tests.peers.gateways import FILES
from tests.peers.proxies import served
from tests.peers.site import free_port

pytestmark = pytest.mark.wire

# Python's own server makes one slash of two at the beginning, so that none begins so.
TARGETS = (
    "/a/../b", "/a/./b", "/a//b?x=//y", "/a%2fb", "/%61", "/a;x/b", "/a/%2e%2e/b", "/a%5cb",
    "/a%20b", "/%C3%A6", "/a?x=%2F&y", "/a%252fb", "/a?", "/a|b", "/[a]", "/a?b=/../c", "/a.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def asked() -> Iterator[Application]:
    """Give a server in Vestibule's place: it lets everything in, and says what it was asked."""
    with application() as running:
        yield running


@pytest.fixture(scope="module", params=gateways.NAMES)
def wire(
    request: pytest.FixtureRequest,
    certificates: Certificates,
    app: Application,
    asked: Application,
) -> Iterator[Wire]:
    places = gateways.Places(free_port(), asked.port, app.port, free_port())
    with ExitStack() as stack:
        stack.enter_context(gateways.before(str(request.param), places, certificates))
        yield Wire(places.files, certificates.authority)


def target_of(question: Seen, wire: Wire) -> str:
    """Return what a question is about, in either form (docs/gateway.md 4)."""
    url = "".join(question.all("X-Original-Url"))
    if url:
        assert url.startswith(f"https://{wire.host}/"), url
        return url.removeprefix(f"https://{wire.host}")
    assert question.all("X-Forwarded-Host") == [wire.host]
    assert question.all("X-Forwarded-Proto") == ["https"]
    return "".join(question.all("X-Forwarded-Uri"))


@pytest.mark.parametrize("target", TARGETS)
def test_h07_what_is_asked_about_is_what_arrives(
    wire: Wire, asked: Application, app: Application, target: str
) -> None:
    assert wire.ask(f"GET {target}").status == 200
    assert target_of(asked.last(), wire) == app.last().target


def test_h01_the_application_is_told_the_host_that_was_asked_about(
    wire: Wire, asked: Application, app: Application
) -> None:
    """One server may have several applications, which it tells apart by this name."""
    other = "other.town.localhost"
    for line, host in (
        ("GET /a", None),
        ("GET /a", other),
        (f"GET https://{other}/a", None),
        (f"GET https://{other}/a", other),
        (f"GET http://{other}:{wire.port}/a", None),
    ):
        wire.ask(line, host=host)
        assert len(app.seen) <= len(asked.seen)
        while app.seen:
            assert app.seen.pop().all("Host")[0].partition(":")[0] == FILES, line
            assert target_of(asked.seen.pop(), wire) == "/a"
        asked.seen.clear()


@pytest.mark.parametrize("method", ["PUT", "PROPFIND", "MOVE", "POST"])
def test_a_question_has_the_method_and_no_body(
    wire: Wire, asked: Application, app: Application, method: str
) -> None:
    body = bytes(200_000)
    line = f"Content-Length: {len(body)}"
    assert wire.ask(f"{method} /a", line, "Destination: /b", body=body).status == 200
    question = asked.last()
    told = question.all("X-Original-Method") + question.all("X-Forwarded-Method")
    assert told == [method]
    assert question.all("Destination") == ["/b"]
    assert {*question.all("Content-Length"), *question.all("Transfer-Encoding")} <= {"0"}
    assert app.last().all("Content-Length") == [str(len(body))]


@pytest.mark.parametrize("name", gateways.NAMES)
def test_nobody_comes_in_while_vestibule_does_not_answer(
    name: str, certificates: Certificates, app: Application
) -> None:
    nobody = free_port()
    places = gateways.Places(free_port(), nobody, app.port, free_port())
    app.seen.clear()
    with gateways.before(name, places, certificates):
        wire = Wire(places.files, certificates.authority)
        for line in ("GET /", "PROPFIND /dav/", "GET /.well-known/openid-configuration"):
            assert wire.ask(line, "Accept: text/html").status in {500, 502, 503}
        told = wire.ask("GET /")
    assert not app.seen
    if name in {"nginx", "Envoy", "HAProxy"}:
        assert (told.status, told.one("Retry-After")) == (503, "5")
        assert told.one("Cache-Control") == "no-store"
        assert told.body == b"Nobody can be signed in at the moment. Please try again soon.\n"


def test_nobody_comes_in_where_haproxy_fails_to_ask(
    certificates: Certificates, app: Application, asked: Application, tmp_path: Path
) -> None:
    """HAProxy goes on with a request where its Lua ends in an error."""
    places = gateways.Places(free_port(), asked.port, app.port, free_port())
    command = gateways.haproxy(tmp_path, places, certificates)
    script = tmp_path / "vestibule.lua"
    asks = "core.httpclient():get("
    assert asks in script.read_text()
    wire = Wire(places.files, certificates.authority)
    app.seen.clear()
    for spoilt in ("nobody.knows.this(", f"{asks}nil, "):
        script.write_text(script.read_text().replace(asks, spoilt))
        with served(command, places.files, tmp_path):
            told = wire.ask("DELETE /", "Remote-User: root")
        assert (told.status, told.one("Retry-After")) == (503, "5")
    assert not app.seen


@pytest.mark.soak
def test_nobody_waits_for_ever_while_vestibule_hangs(
    certificates: Certificates, app: Application
) -> None:
    """Of all web servers at once: each waits half a minute."""
    app.seen.clear()
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        port = silent.getsockname()[1]
        wires = []
        for name in gateways.NAMES:
            places = gateways.Places(free_port(), port, app.port, free_port())
            stack.enter_context(gateways.before(name, places, certificates))
            wires.append(Wire(places.files, certificates.authority))
        began = time.monotonic()
        with ThreadPoolExecutor(len(wires)) as pool:
            found = list(pool.map(lambda wire: wire.ask("GET /").status, wires))
    assert set(found) <= {500, 503, 504}, found
    assert time.monotonic() - began < 45
    assert not app.seen
