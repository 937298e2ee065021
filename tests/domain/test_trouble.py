"""Trouble is told until the source works again, and calm costs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from accounts import trouble


def seen_by_another_worker(slug: str) -> None:
    caches["default"].set(f"trouble:{slug}", "2026-11-20T12:00:00+00:00")


def test_trouble_is_told_until_it_is_over() -> None:
    trouble.note("a")
    assert list(trouble.since(["a", "b"])) == ["a"]
    trouble.over("a")
    assert trouble.since(["a", "b"]) == {}


def test_a_worker_ends_its_own_trouble_at_once() -> None:
    for _ in range(3):
        trouble.over("c")
        trouble.note("c")
        trouble.over("c")
        assert trouble.since(["c"]) == {}


def test_the_trouble_of_another_worker_is_over_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble.over("d")
    seen_by_another_worker("d")
    trouble.over("d")
    assert list(trouble.since(["d"])) == ["d"]
    monkeypatch.setattr(trouble, "OVER_EVERY", 0.0)
    trouble.over("d")
    assert trouble.since(["d"]) == {}


def test_in_calm_times_a_sign_in_asks_the_cache_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble.over("e")
    asked: list[Any] = []
    monkeypatch.setattr(type(caches["default"]), "delete", lambda *args: asked.append(args))
    trouble.over("e")
    assert asked == []
