"""What a new worker starts with: none of the copies that this process has made."""

from __future__ import annotations

from accounts import cache, ended
from accounts.login import lockout
from accounts.source import catalogue, registry


def feed() -> None:
    """Read the ended feed from its beginning, which another worker does within half a second."""
    ended._feed = ended.Feed()


def sources() -> None:
    """Read the sources anew."""
    catalogue._copy = catalogue._Copy()


def worker() -> None:
    """Start with nothing."""
    feed()
    sources()
    registry.providers.cache_clear()
    lockout._counters.cache_clear()
    cache._silence = cache.Silence()
