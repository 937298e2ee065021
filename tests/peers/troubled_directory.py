"""Servers that are no directory, in the ways in which one can be none: real sockets on loopback.

    with troubled("hang") as url: ...
    with troubled("answers", result(49), result(0)) as url: ...

`hang` takes a connection and says nothing, `drip` begins a message and sends a byte now and then,
`noise` answers what is no LDAP, `shut` hangs up at once, `huge` announces more than anybody reads,
`answers` says to each request the operations that it is given, all at once.
`between` stands before a real one.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.peers import patience

NOISE = b"HTTP/1.1 400 Bad Request\r\n\r\n"
# The head of a message of 16 MiB (X.690, 8.1.3.5), and what is sent of it at a time.
HUGE, PIECE = b"\x30\x84\x01\x00\x00\x00", bytes(65536)


def element(tag: int, *content: bytes) -> bytes:
    """Return an element of BER that is shorter than 128 bytes (X.690, 8.1)."""
    inner = b"".join(content)
    return bytes([tag, len(inner)]) + inner


def result(code: int, tag: int = 0x61, *, dn: bytes = b"") -> bytes:
    """Return the answer to a bind (RFC 4511, 4.2.2), or another with such a `tag`."""
    said = element(0x0A, bytes([code])), element(0x04, dn), element(0x04)
    return element(tag, *said)


@contextmanager
def troubled(kind: str, *operations: bytes) -> Iterator[str]:
    """Run the server on a free port of 127.0.0.1, and give its address."""
    patience.hangs(kind in {"hang", "drip"})
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0.1)
        how = (listener, kind, stop, operations)
        threads = [threading.Thread(target=_accept, args=how, daemon=True)]
        threads[0].start()
        try:
            yield f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            threads[0].join()
            patience.hangs(False)


def _accept(
    listener: socket.socket, kind: str, stop: threading.Event, operations: tuple[bytes, ...]
) -> None:
    while not stop.is_set():
        with suppress(TimeoutError):
            own, _address = listener.accept()
            how = (own, kind, stop, operations)
            threading.Thread(target=_serve, args=how, daemon=True).start()


def _serve(
    own: socket.socket, kind: str, stop: threading.Event, operations: tuple[bytes, ...]
) -> None:
    with own, suppress(OSError):
        if kind == "shut":
            return
        while kind == "answers" and (asked := own.recv(4096)):
            number = element(0x02, _number(asked))
            own.sendall(b"".join(element(0x30, number, each) for each in operations))
        own.recv(4096)
        if kind == "noise":
            own.sendall(NOISE)
            own.recv(4096)
        elif kind == "huge":
            own.sendall(HUGE)
            while not stop.is_set():
                own.sendall(PIECE)
        elif kind == "drip":
            own.sendall(b"\x30\x7f")
            while not stop.wait(0.05):
                own.sendall(b"\x02")
        else:
            stop.wait(60)


def _number(asked: bytes) -> bytes:
    """Return the number of a message (RFC 4511, 4.1.1.1)."""
    begins = 2 if asked[1] < 0x80 else 2 + (asked[1] & 0x7F)
    return asked[begins + 2 : begins + 2 + asked[begins + 1]]


class Between:
    """What stands between the site and a directory, as a firewall does. Once it has forgotten its
    connections, they stay open and lead nowhere; new ones are passed on.
    """

    def __init__(self, listener: socket.socket, port: int) -> None:
        self._listener, self._port = listener, port
        self._known, self._lost = set[socket.socket](), set[socket.socket]()

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self._listener.getsockname()[1]}"

    def forget(self) -> None:
        self._lost |= self._known

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                here, _address = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
                self._known |= {here, there}
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def close(self) -> None:
        for each in (self._listener, *self._known):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _pass(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                if here not in self._lost:
                    there.sendall(data)
            if here not in self._lost:
                there.shutdown(socket.SHUT_WR)


@contextmanager
def between(port: int) -> Iterator[Between]:
    """Stand before the directory at a port of 127.0.0.1."""
    own = Between(socket.create_server(("127.0.0.1", 0), backlog=64), port)
    threading.Thread(target=own.serve, daemon=True).start()
    try:
        yield own
    finally:
        own.close()
