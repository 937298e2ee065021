"""Kept answers: the same question gets the same answer, while it would be made again so.

They are given in the event loop: no thread, no query, no Django (docs/decisions/0009-short-ways.md,
Kept answers).
"""

import re
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from sys import getsizeof
from threading import Lock
from typing import Any, Protocol

from django.db import DatabaseError

from portal.server.short_ways import Answer, Environ

# Below this key of the environment a view says how long its answer stands.
KEEP = "vestibule.keep"
# What differs from question to question and never has a say in the answer.
_IGNORED = frozenset({"referer", "x-request-id", "x-correlation-id", "traceparent", "tracestate"})
_BODY = frozenset({"content-length", "transfer-encoding", "expect"})
_STATUSES = frozenset({200, 304})
# Of an entry, beside what it holds: key, slots, its place in the map.
_OVERHEAD = 400

Mark = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Keep:
    """An answer stands until this moment, in seconds since 1970, and while the ended feed has none
    of these entries.
    """

    until: float
    marks: frozenset[Mark]


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: Answer
    keep: Keep
    version: int
    size: int


class Feed(Protocol):
    """The ended feed as of half a second ago."""

    @property
    def entries(self) -> Mapping[Mark, float]:
        """What ended."""

    @property
    def version(self) -> int:
        """A number that changes with all else of which copies are kept."""


class Feeds(Protocol):
    """Where the ended feed is read (`accounts/ended.py`)."""

    def at_hand(self) -> Feed | None:
        """Return the feed if that needs no query."""

    def refreshed(self) -> Feed:
        """Return the feed. Raises `DatabaseError`."""


class Kept:
    """One worker's answers to GET requests whose path `paths` matches: `most` bytes, and then the
    oldest go.
    """

    def __init__(self, paths: str, most: int, feeds: Feeds) -> None:
        self._paths = re.compile(paths)
        self._most = most
        self._feeds = feeds
        self._lock = Lock()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self.size = 0

    def key(self, scope: Any) -> bytes | None:
        """Return the digest of all that a request says, None for one whose answer is never kept."""
        if scope.method != "GET" or not self._paths.fullmatch(scope.path):
            return None
        said = [scope.client.rpartition(":")[0], scope.scheme, scope.http_version]
        said += (scope.authority or "", scope.query_string)
        for name, value in scope.headers.items():
            if name in _BODY:
                return None
            if name not in _IGNORED:
                said += (name, value)
        # Nothing of it but the path, whose escapes are opened, can hold the separator.
        return sha256("\n".join([str(len(said)), *said, scope.path]).encode()).digest()

    def at_once(self, key: bytes) -> Answer | None:
        """Return the answer, None without one or when the ended feed must be read first."""
        feed = self._feeds.at_hand()
        return self._find(key, feed) if feed else None

    def find(self, key: bytes) -> Answer | None:
        """Return the answer or None; the ended feed is read when that is due."""
        if key not in self._entries:
            return None
        try:
            return self._find(key, self._feeds.refreshed())
        except DatabaseError:
            return None

    def _find(self, key: bytes, feed: Feed) -> Answer | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if (
            time.time() < entry.keep.until
            and entry.version == feed.version
            and feed.entries.keys().isdisjoint(entry.keep.marks)
        ):
            return entry.answer
        self._drop(key)
        return None

    def version(self) -> int:
        """Return what is to be noted before an answer is made that may be kept; -1 if unknown."""
        try:
            return self._feeds.refreshed().version
        except DatabaseError:
            return -1

    def learn(self, key: bytes, environ: Environ, answer: Answer, version: int) -> None:
        """Keep the answer if its view has said so. One that sets a cookie is somebody's alone."""
        keep = environ.get(KEEP)
        if not isinstance(keep, Keep) or answer.status not in _STATUSES or version < 0:
            return
        if any(name.lower() == "set-cookie" for name, _value in answer.headers):
            return
        size = _OVERHEAD + len(key) + getsizeof(answer.body) + _weight(answer.headers)
        size += sum(map(_weight_of_mark, keep.marks))
        self._drop(key)
        with self._lock:
            self._entries[key] = _Entry(answer, keep, version, size)
            self.size += size
            while self._entries and (self.size > self._most or self._is_first_over()):
                self.size -= self._entries.popitem(last=False)[1].size

    def _is_first_over(self) -> bool:
        return next(iter(self._entries.values())).keep.until <= time.time()

    def _drop(self, key: bytes) -> None:
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry:
                self.size -= entry.size


def _weight(pairs: Collection[tuple[str, str]]) -> int:
    return getsizeof(pairs) + sum(
        getsizeof(pair) + getsizeof(pair[0]) + getsizeof(pair[1]) for pair in pairs
    )


def _weight_of_mark(mark: Mark) -> int:
    return getsizeof(mark) + getsizeof(mark[1])
