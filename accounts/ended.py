"""The ended feed: endings that every worker sees within a second (docs/architecture.md 5).

A row is appended in the transaction that ends something. A worker reads the new rows when a request
finds its copy older than half a second; there is no thread and no push.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from accounts.models import EndedEntry

FRESH_SECONDS = 0.5
# A cached session may live for CACHE_SECONDS, so an ending must be remembered for longer than that.
CACHE_SECONDS = 300
REMEMBER = timedelta(seconds=2 * CACHE_SECONDS)
# A smaller id can commit later, and clocks differ a little: the last seconds are read again.
OVERLAP = timedelta(seconds=30)


class Feed:
    """One worker's copy of the feed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.entries: dict[tuple[str, str], float] = {}
        self._read_at = float("-inf")
        self._since = timezone.now() - REMEMBER
        self.sources_version = 0

    def refreshed(self) -> Feed:
        """Read what is new, unless it was read in the last half second. Raises `DatabaseError`."""
        now = time.monotonic()
        if now - self._read_at < FRESH_SECONDS:
            return self
        with self._lock:
            if now - self._read_at < FRESH_SECONDS:
                return self
            since, self._since = self._since, timezone.now() - OVERLAP
            rows = list(EndedEntry.objects.filter(at__gte=since).values_list("kind", "value", "id"))
            self._add(rows)
            self._forget(now)
            self._read_at = now
        return self

    def _add(self, rows: list[tuple[str, str, int]]) -> None:
        now = time.monotonic()
        for kind, value, row in rows:
            name = (kind, f"{value}#{row}" if kind == "source" else value)
            if name not in self.entries and kind == "source":
                self.sources_version += 1
            self.entries.setdefault(name, now)

    def _forget(self, now: float) -> None:
        limit = now - REMEMBER.total_seconds()
        for name in [name for name, at in self.entries.items() if at < limit]:
            del self.entries[name]


_feed = Feed()


def announce(kind: str, values: Iterable[str]) -> None:
    """Append to the feed, in the caller's transaction. `kind`: session, key or source."""
    EndedEntry.objects.bulk_create(EndedEntry(kind=kind, value=value) for value in values)


def has_ended(uid: str, key: str) -> bool:
    """Tell whether the session `uid` ended or its key digest `key` was replaced, as of half a
    second ago at most. Raises `DatabaseError`.
    """
    return not _feed.refreshed().entries.keys().isdisjoint({("session", uid), ("key", key)})


def sources_version() -> int:
    """Return a number that changes whenever a source was changed, for whoever keeps copies."""
    return _feed.refreshed().sources_version


def clear_expired() -> int:
    """Delete the rows that no worker needs any more. Returns their number."""
    limit = timezone.now() - REMEMBER - OVERLAP
    return EndedEntry.objects.filter(at__lt=limit).delete()[0]
