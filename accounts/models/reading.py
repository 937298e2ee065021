"""A table that one thread of a worker reads for all of them; it may be locked, or be silent."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, OperationalError

# A failure that came sooner, as of one's own connection, costs the next who tries no time.
_SLOW = 0.2
# After a slow one nobody tries for a second, and then one at a time, as long as it says something.
_REST, _REMEMBERED = 1.0, 10.0


class OneReads:
    """The turns of those who want to read. A failure that took long is everybody's: of those who
    waited for the turn, and of those who come soon after. So a lock that somebody holds costs a
    worker one time-out, not one a request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed_at = float("-inf")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Read in the block, alone. Raises `OperationalError` where somebody has just failed."""
        came = time.monotonic()
        if not self._lock.acquire(blocking=came - self._failed_at > _REMEMBERED):
            raise OperationalError("Somebody tries to read, after a failure.")
        try:
            if self._failed_at > came - _REST:
                raise OperationalError("Nobody could read a moment ago.")
            begun = time.monotonic()
            try:
                yield
            except DatabaseError:
                failed_at = time.monotonic()
                if failed_at - begun > _SLOW:
                    self._failed_at = failed_at
                raise
            self._failed_at = float("-inf")
        finally:
            self._lock.release()
