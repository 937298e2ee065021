"""Places: how many threads of this process answer sign-ins, each of which may wait for an upstream.

The others are left to everybody who is signed in already. Who finds no place within a second is
sent the same way once more while others get through, and holds no thread in between.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from accounts import conf
from accounts.errors import Busy
from portal.door import cookies

_WAIT_SECONDS = 1.0
# How long all places may be taken while nobody gets through: more than a slow machine needs for a
# burst, less than an upstream that hangs is waited for.
_STANDSTILL_SECONDS = 3.0
# A browser follows about twenty redirects.
_TIMES = 16
_COOKIE, _COOKIE_SECONDS = "vestibule-queue", 60


@dataclass(slots=True)
class Place:
    """One thread's place. Who holds it sets `succeeded`."""

    succeeded: bool = False


class Places:
    """The places of one process. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = 0
        self._last_moved = float("-inf")

    @contextmanager
    def place(self) -> Iterator[Place | None]:
        """Take one of three quarters of the threads; None when none is free within a second.

        Raises `Busy` when, besides, nobody has got through for three seconds.
        """
        most = max(1, conf.threads() * 3 // 4)
        with self._changed:
            if self._taken < most:
                self._last_moved = time.monotonic()
            found = self._changed.wait_for(lambda: self._taken < most, _WAIT_SECONDS)
            if not found and time.monotonic() - self._last_moved > _STANDSTILL_SECONDS:
                raise _busy()
            self._taken += found
        if not found:
            yield None
            return
        held = Place()
        try:
            yield held
        finally:
            with self._changed:
                self._taken -= 1
                if held.succeeded:
                    self._last_moved = time.monotonic()
                self._changed.notify()


def come_again(request: HttpRequest, response: HttpResponse) -> None:
    """Count into `response`, which leads the same way, how often. Raises `Busy` in the end."""
    times = cookies.recall(request, _COOKIE) or 0
    if times >= _TIMES:
        raise _busy()
    cookies.remember(response, _COOKIE, times + 1, _COOKIE_SECONDS)


def forget(request: HttpRequest, response: HttpResponse) -> None:
    """Take the count back."""
    if _COOKIE in request.COOKIES:
        cookies.forget(response, _COOKIE)


def _busy() -> Busy:
    return Busy("Too many people sign in at this moment.", retry_after=5)


shared = Places()
