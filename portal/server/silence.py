"""How long ago something came to the sockets of this process, as the kernel tells (tcp(7))."""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# The head of `struct tcp_info` (linux/tcp.h): eight bytes, the first is the state, and numbers.
_HEAD = struct.Struct("=B7x13I")
_ESTABLISHED = 1
# Of these numbers: of a listening socket, who waits to be accepted; milliseconds since data came.
_UNACKED, _LAST_DATA_RECEIVED = 4, 11


class _Info(NamedTuple):
    state: int
    numbers: tuple[int, ...]


def sockets() -> Iterator[socket.socket]:
    """Yield each IP socket of this process once, under a number of its own for the moment; nothing
    where the kernel has no /proc.
    """
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with contextlib.suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue  # a copy that is no socket would be nobody's to close
            with socket.socket(fileno=os.dup(int(name))) as each:
                if each.family in (socket.AF_INET, socket.AF_INET6):
                    yield each


def seconds(listening: Iterable[socket.socket]) -> float:
    """Return for how many seconds nothing has come on any connection to these sockets, of those
    that this process has accepted: 0 while somebody waits to be, infinity where there is none.
    """
    own = list(listening)
    if any(_info(each).numbers[_UNACKED] for each in own):
        return 0.0
    ports = {each.getsockname()[1] for each in own}
    infos = [_info(each) for each in sockets() if _is_at(each, ports)]
    came = [each.numbers[_LAST_DATA_RECEIVED] for each in infos if each.state == _ESTABLISHED]
    return min(came, default=float("inf")) / 1000


def _is_at(each: socket.socket, ports: set[int]) -> bool:
    is_stream = each.type == socket.SOCK_STREAM
    return is_stream and each.getsockname()[1] in ports


def _info(each: socket.socket) -> _Info:
    raw = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _HEAD.size)
    state, *numbers = _HEAD.unpack(raw)
    return _Info(state, tuple(numbers))
