"""Argon2id for Django, bounded: only so many hashes of one process run at once.

Each takes tens of MiB and a core for tens of milliseconds, so an unbounded flood of sign-ins would
take the memory and the time of everybody else.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

import argon2
from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts import conf
from accounts.errors import BUSY, TemporarilyUnavailable
from accounts.login import precedence

# Seconds in which a place must become free: who is known goes first, and gets one for certain.
PATIENCE, PATIENCE_OF_THE_KNOWN = 1.0, 5.0
RETRY_AFTER = 5


class Argon2id(Argon2PasswordHasher):
    """Argon2id at the configured price: OWASP's 46 MiB, one pass, one lane by default.

    The parameters are read when a hash is made; `must_update` tells when a stored one has others.
    A password is hashed in Unicode's form C (RFC 8265, 4.2.2), so that `æ` fits however a keyboard
    composes it. `encode` and `verify` raise `TemporarilyUnavailable` when too many wait already.
    """

    def params(self) -> argon2.Parameters:
        """Return today's parameters: those that a new hash gets."""
        today: argon2.Parameters = replace(super().params(), **conf.argon2())
        return today

    def encode(self, password: str, salt: str) -> str:
        """Return the hash of `password`, in Django's form, with today's parameters."""
        with _queue.turn():
            return super().encode(unicodedata.normalize("NFC", password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether `password` made `encoded`; False also for a hash that cannot be read."""
        try:
            with _queue.turn():
                return super().verify(unicodedata.normalize("NFC", password), encoded)
        except argon2.exceptions.InvalidHashError:
            return False


@dataclass(eq=False, slots=True)
class _Turn:
    """One that wants to hash. The least rank goes first."""

    rank: tuple[bool, int, int]
    place: str
    is_displaced: bool = False

    @property
    def is_known(self) -> bool:
        """Whether it is somebody's in a browser that knows them."""
        return not self.rank[0]


def _rank(turn: _Turn) -> tuple[bool, int, int]:
    return turn.rank


class _Queue:
    """At most `conf.hashes_at_once()` run; as many wait as leave half of the threads to others.

    People in a browser that knows them go first, then networks by turns, so that a flood of guesses
    leaves the others their place. In a full queue the last gives way to who goes before it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: list[_Turn] = []
        self._waiting: list[_Turn] = []
        self._numbers = count()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold one of the places. Raises `TemporarilyUnavailable` when none is free in time."""
        with self._changed:
            mine = self._join()
            seconds = PATIENCE_OF_THE_KNOWN if mine.is_known else PATIENCE
            try:
                self._changed.wait_for(lambda: mine.is_displaced or self._is_next(mine), seconds)
                if not self._is_next(mine):
                    raise _busy()
                self._running.append(mine)
            finally:
                if not mine.is_displaced:
                    self._waiting.remove(mine)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._running.remove(mine)
                self._changed.notify_all()

    def _join(self) -> _Turn:
        who, places = precedence.standing(), conf.hashes_at_once()
        held = sum(not who.is_known and each.place == who.place for each in self._all())
        mine = _Turn(
            (not who.is_known, held, next(self._numbers)), "" if who.is_known else who.place
        )
        room = max(places, conf.threads() // 2)
        if len(self._running) >= places and len(self._waiting) >= room:
            last = max(self._waiting, default=mine, key=_rank)
            if last.rank <= mine.rank:
                raise _busy()
            last.is_displaced = True
            self._waiting.remove(last)
            self._changed.notify_all()
        self._waiting.append(mine)
        return mine

    def _all(self) -> list[_Turn]:
        return [*self._running, *self._waiting]

    def _is_next(self, mine: _Turn) -> bool:
        is_free = len(self._running) < conf.hashes_at_once()
        return not mine.is_displaced and is_free and min(self._waiting, key=_rank) is mine


def _busy() -> TemporarilyUnavailable:
    said = "Too many people sign in at once."
    return TemporarilyUnavailable(said, reason=BUSY, retry_after=RETRY_AFTER, is_hearsay=True)


_queue = _Queue()
