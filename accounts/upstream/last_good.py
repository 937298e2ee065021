"""A document of an upstream, kept with its last good copy.

One caller renews an old copy while the others use it. It stays in use while the upstream does not
answer. A copy with a name lies in the shared cache too, sealed, so that a cache cannot forge one.

Who waits for another's fetch holds a thread. People who sign in wait, however many they are: a
class that comes first to a healthy upstream is not refused. Others, who may be strangers with
made-up tokens, hold as many threads so as calls to one upstream may be under way.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.utils.translation import gettext_noop as _

from accounts import cache, conf
from accounts.errors import Busy, Said, TemporarilyUnavailable
from accounts.http import upstreams
from accounts.keyring import seal, unseal

T = TypeVar("T")

MAX_AGE = 600.0
RETRY_AFTER = 30.0
CALL_SECONDS = 5.0
DAY = 24 * 3600.0
# The asker for whom a person waits, who signs in, as one without a name. Others may be anybody.
LOGIN = "login"
_PURPOSE = "last-good"


@dataclass(frozen=True, slots=True)
class _Copy(Generic[T]):
    value: T
    at: float


class LastGood(Generic[T]):
    """One document of one upstream. Thread-safe.

    `read` makes the value of what was fetched, and raises `TemporarilyUnavailable` for a bad
    document. `name` is the place in the shared cache; a document without a name stays in this
    process, one with a name must be JSON. A value is fresh for `max_age(value)` seconds, and in use
    for `kept` seconds when it cannot be renewed.
    """

    def __init__(
        self,
        read: Callable[[Any], T],
        *,
        name: str = "",
        max_age: Callable[[T], float] = lambda _value: MAX_AGE,
        kept: float = DAY,
    ) -> None:
        self._read, self._name, self._max_age, self._kept = read, name, max_age, kept
        self._lock, self._queue = threading.Lock(), threading.Lock()
        self._waiting = 0
        self._copy: _Copy[T] | None = None
        self._tried_at = self._looked_at = 0.0
        self._failures = 0
        self._asked: dict[str, float] = {}
        self._unanswered: set[str] = set()

    def get(
        self,
        fetch: Callable[[], Any],
        now: datetime,
        wait: float = CALL_SECONDS,
        asker: str = "",
    ) -> T:
        """Return the value, fetched when there is none or it is old.

        `wait` bounds the wait for another caller's first fetch, in seconds. After a failed fetch
        for `asker` none is made for it within 30 seconds. Raises `TemporarilyUnavailable` when the
        fetch fails and there is no copy, as its subclass `Busy` when too many wait for an `asker`.
        """
        seconds = now.timestamp()
        copy = self._at_hand(seconds)
        tried_lately = _within(RETRY_AFTER, self._tried_at, seconds)
        if copy and (tried_lately or self._is_fresh(copy, seconds)):
            return copy.value
        try:
            return self._renewed(copy, fetch, seconds, 0 if copy else wait, asker)
        except TemporarilyUnavailable:
            if copy is None:
                raise
            return copy.value

    def newer(self, fetch: Callable[[], Any], now: datetime, asker: str, than: T) -> T | None:
        """Return a newer value; None when `asker` had one fetched in the last 30 seconds.

        A caller who waited for another's fetch takes its value. Raises `TemporarilyUnavailable`,
        also within 30 seconds after that, and `Busy` as `get` does.
        """
        seconds = now.timestamp()
        with self._locked(CALL_SECONDS, asker):
            if self._copy is not None and self._copy.value is not than:
                return self._copy.value
            self._refuse_unanswered(asker, seconds)
            if _within(RETRY_AFTER, self._asked.get(asker, -RETRY_AFTER), seconds):
                return None
            return self._fetched_for(asker, fetch, seconds)

    def peek(self, now: datetime) -> T | None:
        """Return the value at hand, fresh or not, without a call."""
        copy = self._at_hand(now.timestamp())
        return copy.value if copy else None

    def _renewed(
        self,
        copy: _Copy[T] | None,
        fetch: Callable[[], Any],
        seconds: float,
        wait: float,
        asker: str,
    ) -> T:
        """Fetch in place of `copy`. A caller who waited for another's fetch shares its outcome."""
        failures = self._failures
        with self._locked(wait, asker):
            if self._copy is not None and self._copy is not copy:
                return self._copy.value
            if self._failures != failures:
                raise TemporarilyUnavailable(Said(_("The upstream does not answer as it should.")))
            if not asker:
                return self._fetched(fetch, seconds)
            self._refuse_unanswered(asker, seconds)
            value = self._fetched_for(asker, fetch, seconds)
            del self._asked[asker]  # a newer one may be asked for at once
            return value

    def _refuse_unanswered(self, asker: str, seconds: float) -> None:
        """Raise `TemporarilyUnavailable` while the last fetch of `asker` has failed lately."""
        lately = _within(RETRY_AFTER, self._asked.get(asker, -RETRY_AFTER), seconds)
        if lately and asker in self._unanswered:
            raise TemporarilyUnavailable(Said(_("The upstream does not answer as it should.")))

    def _fetched_for(self, asker: str, fetch: Callable[[], Any], seconds: float) -> T:
        self._asked[asker] = seconds
        self._unanswered.add(asker)
        value = self._fetched(fetch, seconds)
        self._unanswered.discard(asker)
        return value

    @contextmanager
    def _locked(self, wait: float, asker: str) -> Iterator[None]:
        if not (self._lock.acquire(blocking=False) or self._came(wait, asker)):
            raise TemporarilyUnavailable(Said(_("The upstream takes too long to answer.")))
        try:
            yield
        finally:
            self._lock.release()

    def _came(self, wait: float, asker: str) -> bool:
        """Tell whether the lock was free in `wait` seconds. Raises `Busy` where too many wait."""
        if wait <= 0 or asker in {"", LOGIN}:
            return self._lock.acquire(timeout=max(wait, 0))
        with self._place():
            return self._lock.acquire(timeout=wait)

    @contextmanager
    def _place(self) -> Iterator[None]:
        with self._queue:
            if self._waiting + 1 >= conf.http_limits().per_upstream:  # one is fetching
                raise Busy("Too many wait for the upstream already.", retry_after=1)
            self._waiting += 1
        try:
            with upstreams.shared.beside(max(1, conf.threads() - 1)):
                yield
        finally:
            with self._queue:
                self._waiting -= 1

    def _fetched(self, fetch: Callable[[], Any], seconds: float) -> T:
        self._tried_at = seconds
        try:
            document = fetch()
            value = self._read(document)
        except TemporarilyUnavailable:
            self._failures += 1
            raise
        self._copy = _Copy(value, seconds)
        self._share(document, seconds)
        return value

    def _is_fresh(self, copy: _Copy[T], seconds: float) -> bool:
        return _within(self._max_age(copy.value), copy.at, seconds)

    def _at_hand(self, seconds: float) -> _Copy[T] | None:
        """Return this process's copy, else the one that another process shared."""
        copy = before = self._copy
        if copy is None and not _within(RETRY_AFTER, self._looked_at, seconds):
            self._looked_at = seconds
            copy = self._shared()
        if copy and not self._is_fresh(copy, seconds) and abs(seconds - copy.at) >= self._kept:
            copy = None
        if copy is not before and self._copy is before:  # nobody has fetched a newer one since
            self._copy = copy
        return copy

    def _share(self, document: Any, at: float) -> None:
        if self._name:
            sealed = seal({"document": document, "at": at}, _PURPOSE, self._name)
            cache.shared.set(f"{_PURPOSE}:{self._name}", sealed, DAY)

    def _shared(self) -> _Copy[T] | None:
        if not self._name:
            return None
        sealed = cache.shared.get(f"{_PURPOSE}:{self._name}")
        try:
            held = unseal(sealed, _PURPOSE, self._name)
            return _Copy(self._read(held["document"]), float(held["at"]))
        except Exception:  # noqa: BLE001  # of whatever lies there
            return None


class Registry(dict[str, T]):
    """What a process keeps for each key, at most `most` of them. Thread-safe."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._lock = most, threading.Lock()

    def obtain(self, key: str, make: Callable[[], T]) -> T:
        """Return what is kept for `key`, made when there is nothing. A full registry is emptied."""
        found = self.get(key)
        if found is None:
            with self._lock:
                if key not in self and len(self) >= self._most:
                    self.clear()
                found = self.setdefault(key, make())
        return found


def _within(length: float, since: float, seconds: float) -> bool:
    return 0 <= seconds - since < length
