"""One upstream in trouble takes neither the threads nor the patience of the rest of the site."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from accounts.errors import TemporarilyUnavailable
from accounts.http import CallFailed, Client, Upstreams, upstreams
from tests.peers.trouble import TroubleServer


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(clock: Clock) -> Upstreams:
    return Upstreams(clock)


@pytest.fixture
def upstream(settings: Any) -> Iterator[TroubleServer]:
    settings.VESTIBULE_HTTP_PLAIN = True
    with TroubleServer() as server:
        yield server


def kind_of(client: Client, url: str, **how: Any) -> str:
    """How a call ended: its status or the kind of its failure."""
    try:
        return str(client.get(url, **how).status)
    except CallFailed as failed:
        return failed.kind


def fail(client: Client, upstream: TroubleServer, times: int) -> None:
    upstream.status = 503
    for _ in range(times):
        assert client.get(upstream.url("/wobbly")).status == 503


def test_a_hanging_upstream_takes_few_threads_and_others_answer(
    known: Upstreams, upstream: TroubleServer, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_PER_UPSTREAM = 3
    settings.VESTIBULE_HTTP_DEADLINE = 30.0
    client = Client("test", known)
    with TroubleServer() as healthy, ThreadPoolExecutor(20) as threads:
        hanging = [threads.submit(kind_of, client, upstream.url("/hang")) for _ in range(20)]
        while sum(each.done() for each in hanging) < 17 or upstream.requests["/hang"] < 3:
            assert kind_of(client, healthy.url("/json")) == "200"
        upstream.stopping.set()
        ends = sorted(each.result() for each in hanging)
    assert ends == ["Busy"] * 17 + ["RemoteDisconnected"] * 3
    assert upstream.requests["/hang"] == 3


def test_a_burst_to_a_healthy_upstream_waits_for_a_place(
    known: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstreams, "PATIENCE", 30.0)
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with known.visit("https://a.test", at_once=1, in_all=15) as visit:
            entered.set()
            leave.wait()
            visit.succeeded = True

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    threading.Timer(0.02, leave.set).start()
    with known.visit("https://a.test", at_once=1, in_all=15):
        pass
    thread.join()


def test_all_calls_together_leave_a_thread_free(
    known: Upstreams, upstream: TroubleServer, settings: Any
) -> None:
    settings.VESTIBULE_THREADS = 3
    with (
        known.visit("https://a.test", at_once=4, in_all=2),
        known.visit("https://b.test", at_once=4, in_all=2),
    ):
        assert kind_of(Client("test", known), upstream.url("/json")) == "Busy"
    assert kind_of(Client("test", known), upstream.url("/json")) == "200"


def test_five_failures_in_a_row_give_the_upstream_a_rest(
    known: Upstreams, upstream: TroubleServer
) -> None:
    client = Client("test", known)
    fail(client, upstream, 5)
    with pytest.raises(TemporarilyUnavailable) as caught:
        client.get(upstream.url("/wobbly"))
    assert caught.value.retry_after == 10
    assert upstream.requests["/wobbly"] == 5


def test_a_success_between_failures_starts_the_count_anew(
    known: Upstreams, upstream: TroubleServer
) -> None:
    client = Client("test", known)
    for _ in range(3):
        fail(client, upstream, 4)
        upstream.status = 404
        assert kind_of(client, upstream.url("/wobbly")) == "404"


def test_timeouts_and_refused_connections_count_as_failures(
    known: Upstreams, upstream: TroubleServer
) -> None:
    client = Client("test", known)
    for _ in range(3):
        kind_of(client, upstream.url("/hang"), deadline=0.05)
    for _ in range(2):
        kind_of(client, upstream.url("/close"))
    assert kind_of(client, upstream.url("/json")) == "CircuitOpen"


def test_what_an_upstream_answers_to_a_strangers_words_is_no_failure_of_it(
    known: Upstreams, upstream: TroubleServer, clock: Clock
) -> None:
    client = Client("test", known)
    fail(client, upstream, 4)
    for _ in range(6):
        assert kind_of(client, upstream.url("/wobbly"), hearsay=True) == "503"
    kind_of(client, upstream.url("/close"), hearsay=True)
    assert kind_of(client, upstream.url("/wobbly")) == "CircuitOpen"
    clock.now += 10
    assert kind_of(client, upstream.url("/wobbly"), hearsay=True) == "503"
    upstream.status = 200
    assert kind_of(client, upstream.url("/wobbly"), hearsay=True) == "200"
    fail(client, upstream, 4)


def test_after_the_rest_one_call_tries_and_its_success_ends_the_trouble(
    known: Upstreams, upstream: TroubleServer, clock: Clock
) -> None:
    client = Client("test", known)
    fail(client, upstream, 5)
    clock.now += 9.9
    assert kind_of(client, upstream.url("/wobbly")) == "CircuitOpen"
    clock.now += 0.1
    upstream.status = 200
    assert kind_of(client, upstream.url("/wobbly")) == "200"
    assert kind_of(client, upstream.url("/wobbly")) == "200"
    fail(client, upstream, 4)


def test_a_failed_try_prolongs_the_rest(
    known: Upstreams, upstream: TroubleServer, clock: Clock
) -> None:
    client = Client("test", known)
    fail(client, upstream, 5)
    clock.now += 10
    fail(client, upstream, 1)
    assert kind_of(client, upstream.url("/wobbly")) == "CircuitOpen"
    clock.now += 9.9
    assert kind_of(client, upstream.url("/wobbly")) == "CircuitOpen"


def test_while_one_call_tries_the_others_fail_at_once(
    known: Upstreams, upstream: TroubleServer, clock: Clock, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_DEADLINE = 30.0
    client = Client("test", known)
    fail(client, upstream, 5)
    clock.now += 10
    with ThreadPoolExecutor(20) as threads:
        tries = [threads.submit(kind_of, client, upstream.url("/hang")) for _ in range(20)]
        while sum(each.done() for each in tries) < 19:
            time.sleep(0.01)
        upstream.stopping.set()
        ends = sorted(each.result() for each in tries)
    assert ends == ["CircuitOpen"] * 19 + ["RemoteDisconnected"]
    assert upstream.requests["/hang"] == 1


def test_a_class_in_the_morning_is_not_refused_for_an_outage_of_the_night(
    known: Upstreams, clock: Clock
) -> None:
    origin, how = "https://broker.example.org", {"at_once": 4, "in_all": 20}
    for _ in range(upstreams.FAILURES):
        with known.visit(origin, **how):
            pass  # left alone, it counts as failed
    clock.now += upstreams.REST + upstreams.FORGOTTEN + 1
    with ExitStack() as pupils:
        for _ in range(4):
            pupils.enter_context(known.visit(origin, **how)).succeeded = True


def test_a_failure_left_over_from_before_does_not_prolong_the_rest(
    known: Upstreams, upstream: TroubleServer, clock: Clock
) -> None:
    client = Client("test", known)
    with known.visit(upstream.origin, at_once=4, in_all=15):
        fail(client, upstream, 5)
        clock.now += 9
    clock.now += 1
    upstream.status = 200
    assert kind_of(client, upstream.url("/wobbly")) == "200"


def test_origins_are_told_apart_and_many_are_forgotten(known: Upstreams) -> None:
    for number in range(5000):
        with known.visit(f"https://{number}.test", at_once=1, in_all=1) as visit:
            visit.succeeded = number != 7
    assert len(known._known) <= 513
    assert "https://7.test" in known._known


def test_all_clients_share_a_book_and_know_an_origin_however_it_is_written(
    upstream: TroubleServer,
) -> None:
    fail(Client("test"), upstream, 5)
    address = upstream.url("/json?query=1").replace("http://", "HTTP://")
    assert kind_of(Client("another"), address) == "CircuitOpen"
    with TroubleServer() as healthy:
        assert kind_of(Client("another"), healthy.url("/json")) == "200"
