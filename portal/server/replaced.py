"""A worker that is replaced by another, and serves until nobody is with it any more.

granian ends the old worker so many seconds after it has begun the new one (`--respawn-interval`),
whether the new one listens by then or not. What waits in the old one's queue of connections is
dropped, as is a request that comes while an idle connection is closed. None of it happens here
(docs/operations.md, 9). A server that ends as a whole has no successor, and its callers do not know
of it yet: they are told to use another connection, as far as there are any.
"""

import asyncio
import contextlib
import ctypes
import math
import os
import signal
import socket
import struct
from asyncio import AbstractEventLoop
from collections.abc import Iterator, Sequence
from pathlib import Path

from portal.server import silence

LONGEST = 45.0  # seconds that it waits for the new one: granian kills it after sixty
FAREWELL = 2.5  # seconds in which each answer tells its caller to use another connection
LAST = 0.9  # seconds in which it answers whoever is connected, and nobody new comes in
LATEST = 5.0  # seconds after which it goes, though somebody has asked within the last ones
LOOK = 0.1  # seconds
_CLOSE = ("connection", "close")
_LISTENS = "0A"  # in /proc/net/tcp
_SO_ATTACH_FILTER = 26  # socket(7); Python has no name for it
# Of what comes to a listening socket, drop what begins a connection (SYN): code, jt, jf, k.
_NOBODY_NEW = (
    (0x30, 0, 0, 13),  # load the byte of flags (RFC 9293, section 3.1)
    (0x45, 0, 1, 0x02),  # is SYN among them
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFF),  # take
)


class Replaced:
    """Whether this worker, one of so many, is being replaced. Heads of answers go through it."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._leaving: asyncio.Task[None] | None = None
        self._says_farewell = False

    def watch(self, loop: AbstractEventLoop) -> None:
        """Take granian's SIGTERM from here on; its SIGINT ends the worker as before."""
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(signal.SIGTERM, self._begin, loop)

    def head(self, headers: Sequence[tuple[str, str]], version: str) -> Sequence[tuple[str, str]]:
        """Return the head of an answer; HTTP/2 says in another way that a connection ends."""
        if self._says_farewell and version.startswith("1"):
            return [*headers, _CLOSE]
        return headers

    def _begin(self, loop: AbstractEventLoop) -> None:
        if self._leaving is None:
            self._leaving = loop.create_task(self._leave())

    async def _leave(self) -> None:
        try:
            await self._serve_on()
        finally:  # whatever happens, it ends
            os.kill(os.getpid(), signal.SIGINT)

    async def _serve_on(self) -> None:
        has_successor = self._has_successor()
        if has_successor:
            await self._until_it_listens()
        self._says_farewell = True
        await _pause(FAREWELL, whoever_comes=has_successor)
        with _listening() as own:
            for each in own:
                _refuse_new(each)
        await _pause(LAST, whoever_comes=has_successor)
        await _until_silent()

    def _has_successor(self) -> bool:
        return len(_siblings()) > self._workers

    async def _until_it_listens(self) -> None:
        """Return once as many listen as there are to be, besides this one."""
        until = asyncio.get_running_loop().time() + LONGEST
        while self._has_successor() and _listeners() <= self._workers:
            if asyncio.get_running_loop().time() > until:
                return
            await asyncio.sleep(LOOK)


async def _pause(seconds: float, *, whoever_comes: bool) -> None:
    """Return after so many seconds; once nobody is connected if it is not for `whoever_comes`."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while clock() < until:
        await asyncio.sleep(LOOK)
        if not whoever_comes and _silence() == math.inf:
            return


async def _until_silent() -> None:
    """Return once nobody has asked for a while: on a busy machine a caller that has come in may
    need longer to ask, and this process to hear it.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + LATEST
    while _silence() < LAST and clock() < until:
        await asyncio.sleep(LOOK)


def _siblings() -> list[str]:
    """Return the processes of granian's main process, this one among them; none where unknown."""
    parent = os.getppid()
    try:
        found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return []
    return [pid for pid in found if not _is_tracker(pid)]


def _is_tracker(pid: str) -> bool:
    """Tell whether a process is one that Python's multiprocessing has for itself."""
    try:
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def _listeners() -> int:
    """Return how many sockets listen where this worker does, its own among them."""
    with _listening() as own:
        ports = {f"{each.getsockname()[1]:04X}" for each in own}
    count = 0
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]:
                _number, at, _peer, state, *_ = line.split()
                count += state == _LISTENS and at.rpartition(":")[2] in ports
    return count


def _silence() -> float:
    """Return for how many seconds nobody who is connected has asked; infinity without anybody."""
    with _listening() as own:
        return silence.seconds(own)


@contextlib.contextmanager
def _listening() -> Iterator[list[socket.socket]]:
    """Give the sockets at which this process listens, for the block."""
    with contextlib.ExitStack() as held:
        yield [
            held.enter_context(socket.socket(fileno=os.dup(each.fileno())))  # as blocking as it is
            for each in silence.sockets()
            if each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        ]


def _refuse_new(own: socket.socket) -> None:
    """Let a listening socket drop whoever begins a connection, who tries again after a second.

    By then it is closed, and the kernel gives them to another worker. Who has begun comes in.
    """
    code = b"".join(struct.pack("=HBBI", *each) for each in _NOBODY_NEW)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_NOBODY_NEW), ctypes.addressof(held))
    with contextlib.suppress(OSError):
        own.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
