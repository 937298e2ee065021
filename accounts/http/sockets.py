"""Sockets: the first address of several that takes a connection, and those that are kept open."""

import errno
import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack

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
    waiting, begun, look = deque(addresses), dict[int, socket.socket](), select.poll()
    ends, next_at, code = time.monotonic() + seconds, 0.0, errno.EADDRNOTAVAIL
    with ExitStack() as all_:
        while waiting or begun:
            if (now := time.monotonic()) >= ends:
                raise TimeoutError
            if waiting and now >= next_at:
                own = all_.enter_context(_unconnected(waiting[0]))
                code = own.connect_ex((waiting.popleft(), port))
                if code not in {0, errno.EINPROGRESS}:  # as by IPv6 on a machine without
                    continue
                begun[own.fileno()], next_at = own, now + _ALONE
                look.register(own, select.POLLOUT)
            until = min(ends, next_at) if waiting else ends
            for number, _event in look.poll(1 + int(1000 * (until - now))):
                own, next_at = begun.pop(number), 0.0  # if it has failed, the next need not wait
                look.unregister(number)
                if not (code := own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                    return socket.socket(fileno=own.detach())
    raise OSError(code, os.strerror(code))


def _unconnected(address: str) -> socket.socket:
    own = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    own.setblocking(False)
    return own
