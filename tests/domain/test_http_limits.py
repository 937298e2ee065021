"""Each call is bounded in time and in bytes, whatever the upstream does (attack X06)."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.errors import TemporarilyUnavailable
from accounts.http import CallFailed, Client, Upstreams, addresses_of
from tests.peers.no_threads import no_threads
from tests.peers.site import free_port
from tests.peers.trouble import HUGE, TroubleServer

pytestmark = pytest.mark.wire

# Seconds: far above a short deadline, and far below "for ever".
GENEROUS = 20.0
# Deadlines, in seconds: one that a busy machine keeps, and one that a test waits for.
LONG, SHORT = 60.0, 0.5


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def upstream(request: pytest.FixtureRequest, settings: Any) -> Iterator[TroubleServer]:
    with TroubleServer(tls=request.param) as server:
        settings.VESTIBULE_HTTP_CA = server.ca
        yield server


@pytest.fixture
def client(settings: Any) -> Client:
    settings.VESTIBULE_HTTP_PLAIN = True
    settings.VESTIBULE_HTTP_CONNECT = settings.VESTIBULE_HTTP_DEADLINE = LONG
    return Client("test", Upstreams())


def failing(client: Client, url: str, **how: Any) -> CallFailed:
    """Make a call that must fail in a typed way and within a generous time."""
    began = time.monotonic()
    with pytest.raises(CallFailed) as caught:
        client.get(url, **how)
    assert time.monotonic() - began < GENEROUS
    assert isinstance(caught.value, TemporarilyUnavailable)
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        "/hang",
        "/hang-in-body",
        "/drip-headers",
        "/drip-body",
        "/drip-chunks",
    ],
)
def test_the_deadline_ends_the_whole_call(
    client: Client, upstream: TroubleServer, settings: Any, path: str
) -> None:
    client.get(upstream.url("/json"))  # a busy machine takes long to connect, which is kept
    settings.VESTIBULE_HTTP_DEADLINE = SHORT
    assert failing(client, upstream.url(path)).kind == "ReadTimeoutError"


def test_a_caller_can_lower_the_deadline_but_not_raise_it(
    client: Client, upstream: TroubleServer, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_DEADLINE = SHORT
    failing(client, upstream.url("/drip-body"), deadline=LONG)
    settings.VESTIBULE_HTTP_DEADLINE = LONG
    failing(client, upstream.url("/drip-body"), deadline=0.3)
    failing(client, upstream.url("/json"), deadline=0.0)


def test_a_server_that_does_not_read_is_left_at_the_deadline(client: Client, settings: Any) -> None:
    settings.VESTIBULE_HTTP_DEADLINE = SHORT
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(CallFailed):
            client.post(url, content=bytes(HUGE))


def test_a_handshake_that_never_ends_counts_as_connecting(client: Client, settings: Any) -> None:
    settings.VESTIBULE_HTTP_CONNECT = 0.3
    with socket.create_server(("127.0.0.1", 0)) as silent:
        failing(client, f"https://127.0.0.1:{silent.getsockname()[1]}/")


def test_an_upstream_that_takes_no_connection_is_left_after_the_time_to_connect(
    client: Client, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_CONNECT = 0.3
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        assert failing(client, f"http://127.0.0.1:{address[1]}/").kind == "ConnectTimeoutError"
        for each in waiting:
            each.close()


def test_a_silent_name_server_is_left_after_the_time_to_connect(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VESTIBULE_HTTP_CONNECT = 0.2
    stopped = threading.Event()
    asked: list[str] = []

    def silent(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        stopped.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    try:
        assert failing(client, "https://silent.test/").kind == "ConnectTimeoutError"
        failing(client, "https://silent.test/")
    finally:
        stopped.set()
    assert asked == ["silent.test"]


def test_a_name_is_asked_for_again_after_a_moment_without_a_thread(client: Client) -> None:
    with no_threads():
        failing(client, "https://full.invalid/")
    assert addresses_of("127.0.0.1", LONG) == ["127.0.0.1"]
    # Another name: the look-up before may be about to end, and serves whoever asks until then.
    with no_threads(), pytest.raises(OSError, match="thread"):
        addresses_of("127.0.0.2", LONG)
    assert addresses_of("127.0.0.2", LONG) == ["127.0.0.2"]


def test_a_name_that_does_not_exist_is_a_typed_error(client: Client) -> None:
    failing(client, "https://name.invalid/")
    failing(client, f"https://{'a' * 70}.invalid/")


def test_a_port_where_nobody_listens_is_a_typed_error(client: Client) -> None:
    assert failing(client, f"https://127.0.0.1:{free_port()}/").kind == "NewConnectionError"


@pytest.mark.parametrize(
    "path",
    ["/huge", "/huge-chunks", "/huge-until-closed", "/huge-redirect"],
)
def test_a_large_body_is_cut_off_at_the_cap_and_not_held(
    client: Client, upstream: TroubleServer, path: str
) -> None:
    client.get(upstream.url("/json"))
    tracemalloc.start()
    try:
        assert failing(client, upstream.url(path)).kind == "TooLargeError"
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The server's own memory is counted as well: it holds one piece.
    assert held < 6 * 1024 * 1024
    # What the kernel buffers between the two is a few MB at most.
    assert upstream.sent[path] < HUGE // 2


def test_a_chunk_of_less_than_nothing_is_refused(client: Client, upstream: TroubleServer) -> None:
    failing(client, upstream.url("/negative-chunk"))
    assert upstream.sent["/negative-chunk"] < HUGE // 2


@pytest.mark.parametrize("path", ["/endless-headers", "/endless-continue"])
def test_an_endless_head_ends(client: Client, upstream: TroubleServer, path: str) -> None:
    assert failing(client, upstream.url(path)).kind == "TooLargeError"
    assert upstream.sent[path] < HUGE // 2


def test_a_packed_body_counts_by_what_it_unpacks_to(
    client: Client, upstream: TroubleServer
) -> None:
    tracemalloc.start()
    try:
        assert failing(client, upstream.url("/bomb")).kind == "TooLargeError"
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < 6 * 1024 * 1024


@pytest.mark.parametrize("path", ["/json", "/chunks"])
def test_a_caller_can_lower_the_cap_but_not_raise_it(
    client: Client, upstream: TroubleServer, settings: Any, path: str
) -> None:
    assert failing(client, upstream.url(path), max_bytes=17).kind == "TooLargeError"
    assert client.get(upstream.url(path), max_bytes=18).ok
    settings.VESTIBULE_HTTP_MAX_BYTES = 17
    assert failing(client, upstream.url(path), max_bytes=18).kind == "TooLargeError"


@pytest.mark.parametrize(
    "path",
    ["/short", "/short-chunks", "/half-packed", "/odd-packed", "/close", "/garbage"],
)
def test_half_an_answer_is_no_answer(client: Client, upstream: TroubleServer, path: str) -> None:
    assert "secret" not in str(failing(client, upstream.url(path)))


def test_bytes_after_the_announced_end_never_become_the_next_answer(
    client: Client, upstream: TroubleServer
) -> None:
    for _ in range(5):
        assert client.get(upstream.url("/long")).text == "{}"
        assert client.get(upstream.url("/json")).json() == {"hello": "world"}


@pytest.mark.parametrize("path", ["/twice", "/hang-up"])
def test_what_came_while_a_connection_rested_is_nobodys_answer(
    client: Client, upstream: TroubleServer, path: str
) -> None:
    answer = client.get(upstream.url(f"{path}?anna")).text
    assert answer == f"{path}?anna"
    while upstream.sent[path] < 2 * len(answer) and not upstream.ended:
        time.sleep(0.01)
    assert client.get(upstream.url(f"{path}?bert")).text == f"{path}?bert"
    assert upstream.connections == 2


def test_a_call_that_was_cut_off_leaves_nothing_to_the_next(
    client: Client, upstream: TroubleServer, settings: Any
) -> None:
    for path in ("/hang-in-body", "/huge", "/drip-chunks", "/short"):
        settings.VESTIBULE_HTTP_DEADLINE = SHORT
        failing(client, upstream.url(path))
        settings.VESTIBULE_HTTP_DEADLINE = LONG
        assert client.get(upstream.url("/json")).json() == {"hello": "world"}
