"""The kept copy of an upstream's document: how long it is fresh, in use, and where it lies."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import caches

from accounts.errors import Busy, TemporarilyUnavailable
from accounts.http import upstreams
from accounts.upstream.last_good import LastGood, Registry

pytestmark = pytest.mark.services

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Upstream:
    """Answers with `document`, or not at all when it is None."""

    def __init__(self) -> None:
        self.document: Any = "first"
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        if self.document is None:
            raise TemporarilyUnavailable("down")
        return self.document


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_copy_is_renewed_when_its_value_is_old() -> None:
    upstream = Upstream()
    kept = LastGood(str, max_age=lambda value: 60 if value == "first" else 600)
    assert kept.get(upstream, NOW) == "first"
    upstream.document = "second"
    assert kept.get(upstream, after(59)) == "first"
    assert kept.get(upstream, after(60)) == "second"
    assert kept.get(upstream, after(600)) == "second"
    assert upstream.calls == 2


@pytest.mark.parametrize(("kept", "until"), [(0, 59), (700, 699), (math.inf, 10**9)])
def test_a_copy_is_in_use_while_it_cannot_be_renewed_for_so_long(kept: float, until: int) -> None:
    upstream = Upstream()
    copy = LastGood(str, max_age=lambda _value: 60, kept=kept)
    copy.get(upstream, NOW)
    upstream.document = None
    assert copy.get(upstream, after(until)) == "first"
    assert copy.peek(after(until)) == "first"
    if kept < math.inf:
        with pytest.raises(TemporarilyUnavailable):
            copy.get(upstream, after(until + 1))


def test_a_clock_that_is_set_back_renews_the_copy() -> None:
    upstream = Upstream()
    kept = LastGood(str)
    kept.get(upstream, NOW)
    upstream.document = "second"
    assert kept.get(upstream, after(-60)) == "second"


def test_a_newer_copy_is_fetched_once_for_each_asker_in_thirty_seconds() -> None:
    upstream = Upstream()
    kept: LastGood[Any] = LastGood(lambda document: [document])
    known = kept.get(upstream, NOW)
    newer = kept.newer(upstream, NOW, "login", known)
    assert newer is not known
    assert newer is not None
    assert kept.newer(upstream, NOW, "stranger", known) is newer  # somebody fetched it meanwhile
    assert kept.newer(upstream, after(29), "login", newer) is None
    assert kept.newer(upstream, after(30), "login", newer) is not None
    assert upstream.calls == 3


def test_whose_first_fetch_has_failed_has_none_made_for_thirty_seconds() -> None:
    upstream = Upstream()
    kept: LastGood[Any] = LastGood(lambda document: [document])
    upstream.document = None
    for seconds in (0, 1, 29):
        with pytest.raises(TemporarilyUnavailable):
            kept.get(upstream, after(seconds), asker="stranger")
    assert upstream.calls == 1
    with pytest.raises(TemporarilyUnavailable):
        kept.get(upstream, after(29))  # whoever does not say who they are is not kept from it
    assert upstream.calls == 2
    upstream.document = "first"
    known = kept.get(upstream, after(30), asker="stranger")
    assert kept.newer(upstream, after(30), "stranger", known) is not None
    assert upstream.calls == 4


@pytest.mark.parametrize(("name", "calls"), [("", 2), ("a", 1)])
def test_only_a_document_with_a_name_is_shared(name: str, calls: int) -> None:
    upstream = Upstream()
    for _process in range(2):
        assert LastGood(str, name=name).get(upstream, NOW) == "first"
    assert upstream.calls == calls


def test_a_cache_that_fails_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any) -> None:
        raise ConnectionError

    for method in ("get", "set"):
        monkeypatch.setattr(caches["default"], method, fail)
    assert LastGood(str, name="a").get(Upstream(), NOW) == "first"


def test_whoever_waits_too_long_for_the_first_fetch_is_told() -> None:
    kept, begun, go_on = LastGood(str), threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(60)
        return "first"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.get, slow, NOW)
        assert begun.wait(60)
        with pytest.raises(TemporarilyUnavailable):
            kept.get(slow, NOW, wait=0)
        go_on.set()
        assert first.result() == "first"


def test_who_waits_for_a_fetch_holds_a_thread_and_only_so_many_strangers_do() -> None:
    """Of sixteen threads, six of which may call one upstream."""
    threads = 6
    kept, go_on = LastGood(str), threading.Event()

    def slow() -> str:
        assert go_on.wait(30)
        return "first"

    def ask(number: int) -> str:
        try:
            return kept.get(slow, NOW, asker="stranger")
        except Busy:
            if len(busy) == 20 - threads - 1:
                go_on.set()
            busy.append(number)
            return "busy"

    busy: list[int] = []
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert (answers.count("first"), answers.count("busy")) == (threads, 20 - threads)
    assert upstreams.shared.taken == 0


@pytest.mark.parametrize("asker", ["login", ""])
def test_a_class_that_comes_first_waits_and_nobody_is_refused(asker: str) -> None:
    kept, go_on = LastGood(str), threading.Event()
    begun = threading.Barrier(31)

    def slow() -> str:
        assert go_on.wait(30)
        return "first"

    def ask(_number: int) -> str:
        begun.wait(30)
        return kept.get(slow, NOW, 30, asker)

    with ThreadPoolExecutor(30) as pool:
        answers = pool.map(ask, range(30))
        begun.wait(30)
        go_on.set()
    assert [*answers] == ["first"] * 30


def test_waits_for_several_upstreams_leave_a_thread_to_everybody_else() -> None:
    go_on, busy = threading.Event(), threading.Semaphore(0)

    def slow() -> str:
        assert go_on.wait(30)
        return "first"

    def ask(kept: LastGood[str]) -> str:
        try:
            return kept.get(slow, NOW, asker="stranger")
        except Busy:
            busy.release()
            return "busy"

    four = [LastGood(str) for _ in range(4)]
    with ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(ask, four[number % 4]) for number in range(40)]
        for _ in range(40 - 4 - 15):  # four fetch, which counts where the call is made
            assert busy.acquire(timeout=30)
        go_on.set()
    assert [each.result() for each in asked].count("first") == 19


def test_a_registry_keeps_what_it_made_and_no_more_than_it_may() -> None:
    registry: Registry[object] = Registry(2)
    first = registry.obtain("a", object)
    assert registry.obtain("a", object) is first
    registry.obtain("b", object)
    assert registry.obtain("a", object) is first
    registry.obtain("c", object)
    assert list(registry) == ["c"]
