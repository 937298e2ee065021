"""How long the call of this thread may still take, and how many bytes it may still receive.

urllib3 has neither limit: its timeout starts anew with each byte, and its parsers read header
lines and chunk sizes as long as they come. So both are kept where nothing can pass them by: each
socket asks here before it waits and reports here what came (sockets.py). A call never changes
threads, so a thread-local is all that the sockets need to find theirs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from accounts.http.errors import TooLargeError


class _Allowance(threading.local):
    ends = 0.0
    bytes_left = 0


_mine = _Allowance()


@contextmanager
def granted(*, ends: float, max_bytes: int) -> Iterator[None]:
    """Allow this thread to use sockets until `ends` (of `time.monotonic`), for `max_bytes`."""
    _mine.ends, _mine.bytes_left = ends, max_bytes
    try:
        yield
    finally:
        _mine.ends, _mine.bytes_left = 0.0, 0


def seconds_left() -> float:
    """Return how many seconds remain, more than 0. Raises `TimeoutError` when none do."""
    left = _mine.ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("The deadline of the call has passed.")
    return left


def received(count: int) -> None:
    """Count bytes that arrived. Raises `TooLargeError` when they are more than was allowed."""
    _mine.bytes_left -= count
    if _mine.bytes_left < 0:
        raise TooLargeError("More bytes came than the call allows.")
