"""A cache may fail. It never raises, and a dead one costs a try a second."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest
from django.core.cache import caches

from accounts import cache
from tests.peers.dead_cache import dead_cache

pytestmark = pytest.mark.services


class Failing:
    """A driver that fails at each call and notes which it was."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getitem__(self, alias: str) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        def fail(*args: Any) -> None:
            self.calls.append(name)
            raise ConnectionError(name)

        return fail


class Clock:
    """A clock that moves when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(cache, "time", found)
    return found


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Failing:
    failing = Failing()
    monkeypatch.setattr(cache, "caches", failing)
    monkeypatch.setattr(cache, "_silence", cache.Silence())
    return failing


def test_what_was_set_is_there_until_it_is_deleted() -> None:
    cache.shared.set("a", 1, 60)
    cache.shared.set("b", [2], 60)
    assert cache.shared.get("a") == 1
    assert cache.shared.get_many(["a", "b", "c"]) == {"a": 1, "b": [2]}
    cache.shared.delete("a", "b")
    assert cache.shared.get("a") is None
    assert cache.shared.get_many(["a", "b"]) == {}


def test_only_the_first_adds() -> None:
    assert cache.shared.add("first", 1, 60)
    assert not cache.shared.add("first", 2, 60)
    assert cache.shared.get("first") == 1


def test_a_closed_port_answers_as_an_empty_cache() -> None:
    cache.shared.set("a", 1, 60)
    for method, arguments, answer in (
        ("get", ("a",), None),
        ("get_many", (["a"],), {}),
        ("add", ("a", 1, 60), True),
        ("set", ("a", 1, 60), None),
        ("delete", ("a",), None),
    ):
        with dead_cache():
            assert getattr(cache.shared, method)(*arguments) == answer


def test_a_failure_makes_every_cache_silent_for_a_second(driver: Failing, clock: Clock) -> None:
    for _ in range(20):
        cache.shared.get("a")
        cache.sessions.set("b", 1, 60)
    clock.now += 0.9
    cache.sessions.get("b")
    assert driver.calls == ["get"]
    clock.now += 0.2
    cache.sessions.set("b", 1, 60)
    cache.shared.get("a")
    assert driver.calls == ["get", "set"]


def test_after_the_second_one_thread_tries_while_the_others_go_on(
    driver: Failing, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    class Slow(Failing):
        def __getattr__(self, name: str) -> Any:
            answers.wait(60)
            return super().__getattr__(name)

    cache.shared.get("a")
    clock.now += 1.1
    slow = Slow()
    monkeypatch.setattr(cache, "caches", slow)
    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(cache.shared.get, "a") for _ in range(8)]
        at_once = list(islice(as_completed(asking, timeout=60), 7))
        answers.set()
    assert len(at_once) == 7
    assert slow.calls == ["get"]


def test_a_try_that_takes_long_stays_the_only_one(clock: Clock) -> None:
    silence = cache.Silence()
    silence.begin()
    clock.now += 1.1
    assert not silence.holds()
    clock.now += 5  # of three Sentinels, each of which says nothing
    assert silence.holds()
    silence.begin()
    clock.now += 1.1
    assert not silence.holds()
    clock.now += cache.TRYING_SECONDS + 0.1  # one that never came back
    assert not silence.holds()


def test_a_cache_that_answers_again_is_used_again(
    driver: Failing, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.shared.set("a", 1, 60)
    monkeypatch.setattr(cache, "caches", caches)
    cache.shared.set("a", 1, 60)
    assert cache.shared.get("a") is None
    clock.now += 1.1
    cache.shared.set("a", 1, 60)
    assert cache.shared.get("a") == 1


def test_a_redis_that_says_nothing_costs_one_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SILENT_SECONDS", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.2)
        with dead_cache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", 0.1):
            for _ in range(5):
                assert cache.shared.get("a") is None
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


def test_a_silence_of_long_ago_holds_nobody_up(clock: Clock) -> None:
    silence = cache.Silence()
    silence.begin()
    clock.now += cache.SILENT_SECONDS + cache.TRYING_SECONDS + 1
    assert not silence.holds()
    assert not silence.holds()


def test_who_has_found_nothing_out_lets_the_next_try(clock: Clock) -> None:
    silence = cache.Silence()
    silence.begin()
    silence.let_try()
    assert silence.holds(), "it has just failed"
    clock.now += cache.SILENT_SECONDS
    assert [silence.holds(), silence.holds()] == [False, True]
    silence.let_try()
    clock.now += 0.1
    assert not silence.holds()
