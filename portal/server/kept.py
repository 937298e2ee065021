"""Kept answers: a question gets the answer that it got before, as long as Django would repeat it.

They are given in the event loop: no thread, no query, no Django (docs/decisions/0009-short-ways.md,
Kept answers).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256
from sys import getsizeof
from typing import Any, Protocol

from django.db import DatabaseError

from portal.server.bounded import Bounded
from portal.server.short_ways import Answer, Environ
from portal.server.unreadable import unreadable

# Below this key of the environment a view says how long its answer stands.
KEEP = "vestibule.keep"
# Headers that differ from request to request, and that no answer depends on.
_IGNORED = frozenset({"referer", "x-request-id", "x-correlation-id", "traceparent", "tracestate"})
_BODY = frozenset({"content-length", "transfer-encoding", "expect"})
# No value that can be read has it.
_UNREADABLE = "\xff"
_STATUSES = frozenset({200, 302, 304, 401, 403})

Mark = tuple[str, str]
Moment = tuple[int, float]


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
    marks: frozenset[Mark]
    noted: Moment


class Feed(Protocol):
    """The ended feed as of half a second ago."""

    @property
    def moment(self) -> Moment:
        """What to note before an answer is made."""

    def stands(self, noted: Moment, marks: Iterable[Mark]) -> bool:
        """Tell whether nothing has changed since."""


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
        self._feeds = feeds
        self.entries: Bounded[_Entry] = Bounded(most)

    def key(self, scope: Any) -> bytes | None:
        """Return the digest of all that a request says, None for one whose answer is never kept."""
        if scope.method != "GET" or not self._paths.fullmatch(scope.path):
            return None
        said = [scope.client.rpartition(":")[0], scope.scheme, scope.http_version]
        said += (scope.authority or "", scope.query_string)
        lines = scope.headers.items()
        unread = ((name, _UNREADABLE) for name in sorted(unreadable(scope.headers, lines)))
        for name, value in (*lines, *unread):
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
        if key not in self.entries:
            return None
        try:
            return self._find(key, self._feeds.refreshed())
        except DatabaseError:
            return None

    def at_hand(self) -> Moment | None:
        """Return the same as `moment` if that needs no query."""
        feed = self._feeds.at_hand()
        return feed.moment if feed else None

    def moment(self) -> Moment | None:
        """Return what is to be noted before an answer is made that may be kept; None if unknown."""
        try:
            return self._feeds.refreshed().moment
        except DatabaseError:
            return None

    def learn(self, key: bytes, environ: Environ, answer: Answer, noted: Moment | None) -> None:
        """Keep the answer if its view has said so. One that sets a cookie is somebody's alone."""
        keep = environ.get(KEEP)
        if not isinstance(keep, Keep) or answer.status not in _STATUSES or noted is None:
            return
        if any(name.lower() == "set-cookie" for name, _value in answer.headers):
            return
        size = getsizeof(answer.body) + _weight(answer.headers) + _weight(keep.marks)
        self.entries.put(key, _Entry(answer, keep.marks, noted), keep.until, size)

    def _find(self, key: bytes, feed: Feed) -> Answer | None:
        entry = self.entries.get(key)
        if entry is None:
            return None
        if feed.stands(entry.noted, entry.marks):
            return entry.answer
        self.entries.drop(key)
        return None


def _weight(pairs: Collection[tuple[str, str]]) -> int:
    return getsizeof(pairs) + sum(
        getsizeof(pair) + getsizeof(pair[0]) + getsizeof(pair[1]) for pair in pairs
    )
