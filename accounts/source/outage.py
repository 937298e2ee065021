"""Which sources failed lately, so that people are told before they click.

Kept in the cache for five minutes: a hint that may be lost, never a decision.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from accounts import cache

REMEMBERED_SECONDS = 300
# Every sign-in says that its source works; a worker passes that on to the others only so often.
OVER_EVERY = 5.0
_said_over: dict[str, float] = {}


def note(slug: str) -> None:
    """Note that the source `slug` did not answer just now."""
    _said_over.pop(slug, None)
    cache.shared.add(_key(slug), timezone.now().isoformat(), REMEMBERED_SECONDS)


def over(slug: str) -> None:
    """Note that the source `slug` works: at once where this worker saw its trouble, and within
    `OVER_EVERY` seconds of a sign-in where another did.
    """
    now = time.monotonic()
    if now - _said_over.get(slug, float("-inf")) >= OVER_EVERY:
        _said_over[slug] = now
        cache.shared.delete(_key(slug))


def since(slugs: Iterable[str]) -> dict[str, datetime]:
    """Return since when each source that is in trouble is; one look-up for all of them."""
    names = {_key(slug): slug for slug in slugs}
    found = cache.shared.get_many(names)
    return {names[key]: datetime.fromisoformat(at) for key, at in found.items()}


def _key(slug: str) -> str:
    return f"trouble:{slug}"
