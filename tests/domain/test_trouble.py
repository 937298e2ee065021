"""Trouble is told until the source works again, and calm costs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from accounts import cache
from accounts.source import outage

pytestmark = pytest.mark.services


def seen_by_another_worker(slug: str) -> None:
    caches["default"].set(f"trouble:{slug}", "2026-11-20T12:00:00+00:00")


def test_trouble_is_told_until_it_is_over() -> None:
    outage.note("a")
    assert list(outage.since(["a", "b"])) == ["a"]
    outage.over("a")
    assert outage.since(["a", "b"]) == {}


@pytest.mark.parametrize(
    "value", [None, 5, "x", [1], {"a": 1}, True, "2026-13-45T00:00:00", "2026-11-20T12:00:00"]
)
def test_what_is_no_moment_is_nobodys_trouble(value: object) -> None:
    caches["default"].set("trouble:f", value)
    assert outage.since(["f"]) == {}
    outage.note("f")
    assert list(outage.since(["f"])) == ["f"]
    outage.over("f")


def test_a_worker_ends_its_own_trouble_at_once() -> None:
    for _ in range(3):
        outage.over("c")
        outage.note("c")
        outage.over("c")
        assert outage.since(["c"]) == {}


def test_the_trouble_of_another_worker_is_over_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outage.over("d")
    seen_by_another_worker("d")
    outage.over("d")
    assert list(outage.since(["d"])) == ["d"]
    monkeypatch.setattr(outage, "OVER_EVERY", 0.0)
    outage.over("d")
    assert outage.since(["d"]) == {}


def test_in_calm_times_a_sign_in_asks_the_cache_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outage.over("e")
    asked: list[Any] = []
    monkeypatch.setattr(cache.Cache, "delete", lambda *args: asked.append(args))
    outage.over("e")
    assert asked == []
