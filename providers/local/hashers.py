"""Argon2id for Django, bounded: only so many hashes of one process run at once.

Each takes tens of MiB and a core for tens of milliseconds, so an unbounded flood of sign-ins would
take the memory and the time of everybody else.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import argon2
from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts import conf
from accounts.errors import TemporarilyUnavailable

PATIENCE = 1.0
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


class _Queue:
    """At most `conf.hashes_at_once()` run; as many wait as leave half of the threads to others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._waiting = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold one of the places. Raises `TemporarilyUnavailable` when none is free in a second."""
        places = conf.hashes_at_once()
        with self._changed:
            is_full = self._running >= places and self._waiting >= max(places, conf.threads() // 2)
            self._waiting += 1
            try:
                if is_full or not self._changed.wait_for(lambda: self._running < places, PATIENCE):
                    raise TemporarilyUnavailable(
                        "Too many people sign in at once.", retry_after=RETRY_AFTER
                    )
                self._running += 1
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()


_queue = _Queue()
