"""A Redis that is down: for one test, or for a whole run (`make soak`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from django.core.cache import CacheHandler

from accounts import cache

CLOSED_PORT = "redis://127.0.0.1:9/0"


def whole_run() -> bool:
    """Tell whether this run has a dead Redis from beginning to end."""
    return urlsplit(os.environ.get("REDIS_URL", "")).netloc == urlsplit(CLOSED_PORT).netloc


@contextmanager
def dead_cache(url: str = CLOSED_PORT, seconds: float = 1.0) -> Iterator[CacheHandler]:
    """Let every cache be a Redis at `url` that has `seconds` to answer; forget it afterwards."""
    options = {"SOCKET_TIMEOUT": seconds, "SOCKET_CONNECT_TIMEOUT": seconds}
    dead = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": options,
    }
    handler = CacheHandler({"default": dead, "sessions": dead})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "caches", handler)
        patch.setattr(cache, "_silence", cache.Silence())
        yield handler
