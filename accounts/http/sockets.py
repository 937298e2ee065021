"""Sockets: the first address of several that takes a connection, and those that are kept open."""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterable

# How long an address is waited for alone, before the next one is tried beside it (RFC 8305, 5).
_ALONE = 0.25


def has_news(connection: int) -> bool:
    """Tell whether there is something to read from a socket, its end included."""
    look = select.poll()
    look.register(connection, select.POLLIN)
    return bool(look.poll(0))


def connected(addresses: Iterable[str], port: int, seconds: float) -> socket.socket:
    """Return a socket to the address that takes a connection first. They are tried in their order,
    so that those that say nothing cost a moment each (RFC 8305).

    Raises `TimeoutError` after `seconds`, and `OSError` when none takes one.
    """
    race = _Race(addresses, port, time.monotonic() + seconds)
    try:
        return race.winner()
    finally:
        race.end()


class _Race:
    """Connections that begin one after the other, until one is there."""

    def __init__(self, addresses: Iterable[str], port: int, ends: float) -> None:
        self._waiting, self._port, self._ends = deque(addresses), port, ends
        self._begun: dict[int, socket.socket] = {}
        self._poll, self._next_at = select.poll(), 0.0
        self._why = OSError("There is no address.")

    def winner(self) -> socket.socket:
        while self._waiting or self._begun:
            now = time.monotonic()
            if now >= self._ends:
                raise TimeoutError
            if self._waiting and now >= self._next_at:
                self._begin(self._waiting.popleft())
                continue
            until = min(self._ends, self._next_at) if self._waiting else self._ends
            for number, _event in self._poll.poll(1 + int(1000 * (until - now))):
                if won := self._judged(number):
                    return won
        raise self._why

    def end(self) -> None:
        for each in self._begun.values():
            each.close()

    def _begin(self, address: str) -> None:
        self._next_at = time.monotonic() + _ALONE
        own = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        own.setblocking(False)
        try:
            own.connect((address, self._port))
        except BlockingIOError:
            pass
        except OSError as error:  # there is no way to it, as by IPv6 on a machine without
            own.close()
            self._failed(error)
            return
        self._begun[own.fileno()] = own
        self._poll.register(own, select.POLLOUT)

    def _judged(self, number: int) -> socket.socket | None:
        """Return a connection of which something is known, None when it has failed."""
        own = self._begun.pop(number)
        self._poll.unregister(number)
        if code := own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            own.close()
            self._failed(OSError(code, os.strerror(code)))
            return None
        return own

    def _failed(self, error: OSError) -> None:
        self._why, self._next_at = error, 0.0  # the next one need not wait
