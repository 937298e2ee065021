"""What is learnt from an upstream and kept: one copy, renewed in time, the last good one in need.

A copy stands for ten minutes. Then one caller renews it while the others go on with the old one,
and an upstream that does not answer costs nobody a login as long as a copy is at hand: in this
process, or in the shared cache, where it lies sealed, so that a cache cannot be made to lie. After
a day even the last good copy is thrown away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.cache import caches

from accounts.errors import TemporarilyUnavailable
from accounts.keyring import Unreadable, seal, unseal

T = TypeVar("T")

MAX_AGE = 600.0
COOLDOWN = 30.0
CALL_SECONDS = 5.0
_KEPT_SECONDS = 24 * 3600
_PURPOSE = "oidc"


@dataclass(frozen=True, slots=True)
class _Copy(Generic[T]):
    value: T
    at: float


class Cell(Generic[T]):
    """One thing of one upstream. Thread-safe.

    `name` is its place in the shared cache. `read` makes the value of a raw JSON document and
    raises `TemporarilyUnavailable` for a bad one.
    """

    def __init__(self, name: str, read: Callable[[Any], T]) -> None:
        self._name, self._read = name, read
        self._lock = threading.Lock()
        self._copy: _Copy[T] | None = None
        self._tried_at = self._looked_at = 0.0
        self._failures = 0
        self._forced: dict[str, float] = {}

    def get(self, fetch: Callable[[], Any], now: datetime) -> T:
        """Return the value, fetched when there is none or it is old.

        Raises `TemporarilyUnavailable` when it cannot be had and no copy is left.
        """
        seconds = now.timestamp()
        copy = self._at_hand(seconds)
        if copy is None:
            return self._first(fetch, seconds)
        old = not 0 <= seconds - copy.at < MAX_AGE
        if old and not 0 <= seconds - self._tried_at < COOLDOWN:
            return self._renewed(fetch, seconds, copy)
        return copy.value

    def forced(self, fetch: Callable[[], Any], now: datetime, reason: str, seen: T) -> T | None:
        """Return a newer value than `seen`; None when `reason` had one in the last 30 seconds.

        Who asks while another caller fetches takes what that one found. Raises
        `TemporarilyUnavailable` when the fetch fails.
        """
        seconds = now.timestamp()
        with self._held():
            if self._copy is not None and self._copy.value is not seen:
                return self._copy.value
            if 0 <= seconds - self._forced.get(reason, -COOLDOWN) < COOLDOWN:
                return None
            self._forced[reason] = seconds
            return self._fetched(fetch, seconds)

    def peek(self, now: datetime) -> T | None:
        """Return what is at hand, without a call, of any age up to a day."""
        copy = self._at_hand(now.timestamp())
        return copy.value if copy else None

    def _first(self, fetch: Callable[[], Any], seconds: float) -> T:
        """Fetch when nobody has a copy. Who waited for another's attempt shares its outcome."""
        failures = self._failures
        with self._held():
            if self._copy is not None:
                return self._copy.value
            if self._failures != failures:
                raise TemporarilyUnavailable("The identity provider does not answer as it should.")
            return self._fetched(fetch, seconds)

    def _renewed(self, fetch: Callable[[], Any], seconds: float, copy: _Copy[T]) -> T:
        """Fetch in place of an old copy, which is what everybody else goes on with."""
        if not self._lock.acquire(blocking=False):
            return copy.value
        try:
            return self._fetched(fetch, seconds)
        except TemporarilyUnavailable:
            return copy.value
        finally:
            self._lock.release()

    @contextmanager
    def _held(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=CALL_SECONDS):
            raise TemporarilyUnavailable("The identity provider takes too long to answer.")
        try:
            yield
        finally:
            self._lock.release()

    def _fetched(self, fetch: Callable[[], Any], seconds: float) -> T:
        self._tried_at = seconds
        try:
            document = fetch()
            value = self._read(document)
        except TemporarilyUnavailable:
            self._failures += 1
            raise
        self._copy = _Copy(value, seconds)
        _share(self._name, document, seconds)
        return value

    def _at_hand(self, seconds: float) -> _Copy[T] | None:
        """Return this process's copy, else the one that another process shared."""
        copy = before = self._copy
        if copy is None and not 0 <= seconds - self._looked_at < COOLDOWN:
            self._looked_at = seconds
            copy = self._of_another_process()
        if copy is not None and seconds - copy.at > _KEPT_SECONDS:
            copy = None
        if copy is not before and self._copy is before:  # nobody has fetched a newer one since
            self._copy = copy
        return copy

    def _of_another_process(self) -> _Copy[T] | None:
        found = _shared(self._name)
        try:
            return _Copy(self._read(found[0]), found[1]) if found else None
        except TemporarilyUnavailable:
            return None  # written by another version of this code


def _share(name: str, document: Any, at: float) -> None:
    try:
        sealed = seal({"document": document, "at": at}, _PURPOSE, name)
        caches["default"].set(f"oidc:{name}", sealed, _KEPT_SECONDS)
    except Exception:  # noqa: BLE001  # whatever the cache's driver raises: nobody else has a copy
        return


def _shared(name: str) -> tuple[Any, float] | None:
    try:
        sealed = caches["default"].get(f"oidc:{name}")
        held = unseal(sealed, _PURPOSE, name) if isinstance(sealed, str) else None
        return (held["document"], float(held["at"])) if held else None
    except (Unreadable, KeyError, TypeError, ValueError):
        return None
    except Exception:  # noqa: BLE001  # whatever the cache's driver raises: there is no copy
        return None
