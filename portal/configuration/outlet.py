"""Standard output, as lines of the log are written to it: whoever reads them may stand still, and
holds nobody up for longer than a second.
"""

import json
import os
import select
import socket
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

# Seconds for a reader that is slow; after one that was slower nobody waits for a while.
_PATIENCE, _REST = 1.0, 10.0


def of(stream: TextIO) -> Any:
    """Return where lines are written that are meant for `stream`: an `Outlet` where it is a pipe or
    a socket, of which somebody reads, else itself.
    """
    try:
        descriptor = stream.fileno()
        write = _writer(descriptor, os.fstat(descriptor).st_mode)
    except (OSError, ValueError):  # no file of the system's, or one that cannot be opened anew
        return stream
    return Outlet(stream, descriptor, write) if write else stream


def _writer(descriptor: int, mode: int) -> Callable[[bytes], int] | None:
    """Return what writes to a pipe or a socket and never waits. The descriptor itself stays as it
    is, for it is shared with other processes.
    """
    if stat.S_ISFIFO(mode):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
        own = os.open(f"/proc/self/fd/{descriptor}", flags)
        return lambda data: os.write(own, data)
    if stat.S_ISSOCK(mode):
        peer = socket.socket(fileno=os.dup(descriptor))
        return lambda data: peer.send(data, socket.MSG_DONTWAIT)
    return None


class Outlet:
    """A pipe or a socket for lines. Those that find no room in time are lost, and their number is
    told once there is room. `write` is called by one thread at a time.
    """

    def __init__(self, stream: TextIO, descriptor: int, write: Callable[[bytes], int]) -> None:
        self._stream, self._write = stream, write
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._lost, self._is_cut, self._lost_at = 0, False, float("-inf")

    def write(self, text: str) -> None:
        """Write a line, or lose it. Raises `OSError` when nobody reads any more."""
        self._stream.flush()  # what was printed before it
        if self._lost and self._send(self._told()):
            self._lost = 0
        if self._lost or not self._send(text.encode("utf-8", "backslashreplace")):
            self._lost, self._lost_at = self._lost + 1, time.monotonic()

    def flush(self) -> None:
        """Do nothing: no line is held back."""

    def _told(self) -> bytes:
        said = {
            "event": "log.lines_lost",
            "lines": self._lost,
            "level": "warning",
            "logger": "vestibule.log",
            "timestamp": datetime.now(UTC).isoformat(),
        }
        return b"\n" * self._is_cut + json.dumps(said).encode() + b"\n"

    def _send(self, data: bytes) -> bool:
        """Tell whether all of `data` has found room; half a line may have."""
        rests = time.monotonic() - self._lost_at < _REST
        until = time.monotonic() + (0 if rests else _PATIENCE)
        whole = len(data)
        while data:
            try:
                data = data[self._write(data) :]
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0 or not self._room.poll(left * 1000):
                    self._is_cut = self._is_cut or len(data) < whole
                    return False
        self._is_cut = False
        return True
