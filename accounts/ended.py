"""The ended feed: endings that every worker sees within a second (docs/architecture.md 5).

A row is appended in the transaction that ends something. A worker reads the new rows when a request
finds its copy older than half a second; there is no thread and no push.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts import cache, conf
from accounts.models import EndedEntry, clearing, incarnation
from accounts.models.reading import OneReads

FRESH_SECONDS = 0.5
# A cached session may live for CACHE_SECONDS, so an ending must be remembered for longer than that.
CACHE_SECONDS = 300
REMEMBER = timedelta(seconds=2 * CACHE_SECONDS)
# A transaction can commit a smaller id after a greater one, at most so many seconds later.
LATEST_COMMIT = 120.0
# The mark in the cache that every ending changes, and how long it stays; and for how long a mark
# that has not changed spares reading the table (docs/scale.md 6).
_MARK, _MARK_SECONDS = "ended-feed:mark", 3600
UNMOVED_SECONDS = 5.0
# Kinds of which every row counts as a change, whatever its value: all copies are made anew then.
SOURCE, RULE = "source", "rule"
# A person whose name, address or groups were changed: the value is their primary key.
PERSON = "person"
_COUNTED = frozenset({SOURCE, RULE})
_MOST_GAPS = 100
_BEFORE_FIRST = 1000
# So many new rows are read first, and the rest only when there are as many. Without the limit
# PostgreSQL expects many new rows after a mass ending, until it has analysed the table, and scans
# all of it each time.
_AT_FIRST = 100


# The number of changes, and a moment of `time.monotonic`.
Moment = tuple[int, float]
# What is read of an entry: its id, its kind and its value.
Row = tuple[int, str, str]
# For so long after a worker has found another database no copy of a session counts: a request may
# have taken one of the former.
SETTLING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Gap:
    """Ids that were missing among those read: of a transaction under way, or of none."""

    first: int
    last: int
    until: float


def _hold_connection() -> None:
    """Have a connection before the turn to read: the others wait for it with theirs, and a pooler
    with few would give none until one of them is through. Raises `DatabaseError`.
    """
    if connection.connection is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # a pooler gives one to whoever asks something


class Feed:
    """One worker's copy of the feed. What was read is known by ids, once the read has succeeded."""

    def __init__(self) -> None:
        self._reading = OneReads()
        self.entries: dict[tuple[str, str], float] = {}
        self._mark: str | None = None
        self._asked_at = float("-inf")
        self._heard: deque[tuple[float, tuple[str, str]]] = deque()
        self._read_at = float("-inf")
        self._last: int | None = None
        # The row of that id; while it is there, nothing that came after it has been deleted.
        self._newest: Row | None = None
        self._missed_at = self._settled_at = float("-inf")
        self._database = ""
        self._gaps: list[_Gap] = []
        self.versions = dict.fromkeys(_COUNTED, 0)

    @property
    def is_fresh(self) -> bool:
        """Tell whether it was read in the last half second."""
        return time.monotonic() - self._read_at < FRESH_SECONDS

    @property
    def is_settled(self) -> bool:
        """Tell whether the database has been the same for long enough that copies count."""
        return time.monotonic() >= self._settled_at

    @property
    def moment(self) -> Moment:
        """What to note before a copy is made."""
        return sum(self.versions.values()), time.monotonic()

    def stands(self, noted: Moment, marks: Iterable[tuple[str, str]]) -> bool:
        """Tell whether a copy still counts that was made after `noted`: no source and no rule has
        changed since, and none of `marks`. A session that ended never counts.
        """
        version, then = noted
        if version != sum(self.versions.values()):
            return False
        return not any(
            mark[0] == "session" or self.entries[mark] > then
            for mark in marks
            if mark in self.entries
        )

    def expire(self) -> None:
        """Have it read at the next look."""
        self._read_at = float("-inf")

    def refreshed(self) -> Feed:
        """Read what is new, unless it was read in the last half second. Raises `DatabaseError`."""
        now = time.monotonic()
        if now - self._read_at < FRESH_SECONDS:
            return self
        mark = _mark() if conf.feed_mark() else None
        if mark and mark == self._mark and now - self._asked_at < UNMOVED_SECONDS:
            self._read_at = now
            return self
        _hold_connection()
        with self._reading.turn():
            if now - self._read_at < FRESH_SECONDS:
                return self
            found = self._found(now)
            self._note(found, now)
            self._add(found, time.monotonic())
            self._forget(now)
            if (former := cache.sessions.database) != self._database:
                cache.sessions.database = self._database
                # A worker that begins knows of no former one, but may have asked without a name.
                settling = SETTLING_SECONDS if former else FRESH_SECONDS
                self._settled_at = time.monotonic() + settling
            # The mark is of before the table was read: what moves it meanwhile is read next time.
            self._read_at, self._asked_at, self._mark = now, now, mark
        return self

    def heard_at(self, name: tuple[str, str]) -> float:
        """Return when an entry was heard last, or might have been; minus infinity for never."""
        return max(self.entries.get(name, self._missed_at), self._missed_at)

    def _found(self, now: float) -> list[Row]:
        """Return the rows that are new.

        Where the newest of those that were known is gone, so may be others that came after it:
        nobody has asked this worker for longer than rows are kept, it was cut off, or the database
        is one of before. All copies are made anew then, and where the database is another one.
        """
        if self._last is not None:
            found, database = self._read()
            first = next((row for row in found if row[0] >= (self._last or 0)), None)
            is_young = self._newest is None and now - self._asked_at < REMEMBER.total_seconds()
            if database == self._database and (first == self._newest or is_young):
                return [row for row in found if row != self._newest]
            self._missed_at = time.monotonic()
            for kind in _COUNTED:
                self.versions[kind] += 1
        self._begin(now)
        found, self._database = self._read()
        return found

    def _read(self) -> tuple[list[Row], str]:
        """Return the rows that may be new, and which database they are of."""
        found = [row for some in self._unread() for row in some]
        database = found[-1][3] if found else incarnation.of_empty(EndedEntry)
        return [row[:3] for row in found], database

    def _begin(self, now: float) -> None:
        """Begin before the first row that still counts, and before what may be committed late."""
        # By time, and not the least key: to find that, a database may read all that came before.
        rows = EndedEntry.objects.values_list("id", flat=True)
        first = rows.filter(at__gte=Now() - REMEMBER).order_by("at", "id").first()
        if first is None:
            first = rows.order_by("-id").first() or 1
        self._gaps = [_Gap(first - _BEFORE_FIRST, first - 1, now + LATEST_COMMIT)]
        self._last, self._newest = first - 1, None

    def _unread(self) -> Iterator[QuerySet[EndedEntry, tuple[int, str, str, str]]]:
        """Yield what may have come late, and then the newest row and what is new, each by a range
        of the key. What is committed between two steps is read by the next one, or fills a gap.
        """
        named = EndedEntry.objects.annotate(database=incarnation.beside(EndedEntry)).order_by("id")
        rows: QuerySet[EndedEntry, Any] = named.values_list("id", "kind", "value", "database")
        if self._gaps:
            within = (
                min(gap.first for gap in self._gaps),
                max(gap.last for gap in self._gaps),
            )
            late = (Q(id__range=(gap.first, gap.last)) for gap in self._gaps)
            yield rows.filter(reduce(or_, late), id__range=within)
        new = rows.filter(id__gte=self._last)[: _AT_FIRST + 1]
        yield new
        if len(new) > _AT_FIRST:
            yield rows.filter(id__gt=new[_AT_FIRST][0])

    def _note(self, rows: list[Row], now: float) -> None:
        """Keep the newest row, and the gaps that a transaction under way may still fill."""
        known, by_id = self._last or 0, {row[0]: row for row in rows}
        ids = [*by_id]
        gaps = [gap for gap in self._gaps if gap.until > now]
        late = [row for row in ids if row <= known]
        for row in late:
            gaps = [part for gap in gaps for part in _without(gap, row)]
        for row in ids[len(late) :]:
            if row > known + 1:
                gaps.append(_Gap(known + 1, row - 1, now + LATEST_COMMIT))
            known, self._newest = row, by_id[row]
        self._gaps, self._last = gaps[-_MOST_GAPS:], known

    def _add(self, rows: list[Row], now: float) -> None:
        for row, kind, value in rows:
            name = (kind, f"{value}#{row}" if kind in _COUNTED else value)
            if name not in self.entries and kind in _COUNTED:
                self.versions[kind] += 1
            self.entries[name] = now
            self._heard.append((now, name))

    def _forget(self, now: float) -> None:
        limit = now - REMEMBER.total_seconds()
        while self._heard and self._heard[0][0] < limit:
            at, name = self._heard.popleft()
            if self.entries.get(name) == at:  # else it was heard once more
                del self.entries[name]


def _without(gap: _Gap, row: int) -> Iterator[_Gap]:
    """Yield what is left of `gap` once `row` has been read."""
    for first, last in ((gap.first, min(gap.last, row - 1)), (max(gap.first, row + 1), gap.last)):
        if first <= last:
            yield replace(gap, first=first, last=last)


_feed = Feed()


def _mark() -> str | None:
    """Return the mark; None when the cache does not answer or has lost it, and then sets one."""
    mark = cache.shared.get(_MARK)
    if not isinstance(mark, str):
        cache.shared.add(_MARK, secrets.token_hex(8), _MARK_SECONDS)
        return None
    return mark


def _committed() -> None:
    """Have the worker that ends something know it at once, and tell the others to look."""
    _feed.expire()
    if conf.feed_mark():
        cache.shared.set(_MARK, secrets.token_hex(8), _MARK_SECONDS)


def announce(kind: str, values: Iterable[str]) -> None:
    """Append to the feed, in the caller's transaction.

    `kind`: session, key, source, rule, person, token or signing.
    """
    EndedEntry.objects.bulk_create(EndedEntry(kind=kind, value=value, at=Now()) for value in values)
    transaction.on_commit(_committed)


def at_hand() -> Feed | None:
    """Return the feed if it was read in the last half second: no query is made."""
    return _feed if _feed.is_fresh else None


def refreshed() -> Feed:
    """Return the feed as of half a second ago at most. Raises `DatabaseError`."""
    return _feed.refreshed()


def has_ended(uid: str, key: str) -> bool:
    """Tell whether the session `uid` ended or its key digest `key` was replaced, as of half a
    second ago at most, or may have: where another database has just taken over, as a restored
    backup does, it may not hold the session at all. Raises `DatabaseError`.
    """
    feed = _feed.refreshed()
    gone = feed.entries.keys() & {("session", uid), ("key", key)}
    return bool(gone) or not feed.is_settled


def changed_at(person: str) -> float:
    """Return when, by `time.monotonic`, this worker last heard that the person of this primary key
    was changed: what was read of them before is old. Raises `DatabaseError`.
    """
    return heard_at(PERSON, person)


def heard_at(kind: str, value: str) -> float:
    """Return when, by `time.monotonic`, this worker last heard `value` of `kind`, a kind other than
    `SOURCE` and `RULE`; minus infinity for never, or so long ago that no copy is older. Raises
    `DatabaseError`.
    """
    return _feed.refreshed().heard_at((kind, value))


def version(kind: str) -> int:
    """Return a number that changes whenever one of `kind` was changed, for whoever keeps copies.
    `kind`: `SOURCE` or `RULE`. Raises `DatabaseError`.
    """
    return _feed.refreshed().versions[kind]


def sources_version() -> int:
    """Return a number that changes whenever a source was changed. Raises `DatabaseError`."""
    return version(SOURCE)


def clear_expired() -> int:
    """Delete the rows that no worker needs any more. Returns their number. The newest stays, by
    which workers find out whether they have missed any.
    """
    newest = EndedEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    old = EndedEntry.objects.filter(at__lt=Now() - 2 * REMEMBER).exclude(id=newest)
    return clearing.delete(old.order_by("at"))
