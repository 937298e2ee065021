"""Servers that are no directory, in the ways in which one can be none: real sockets on loopback.

    with troubled("hang") as url: ...

`hang` takes a connection and says nothing, `drip` begins a message and sends a byte now and then,
`noise` answers what is no LDAP, `shut` hangs up at once, `huge` announces more than anybody reads.
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


@contextmanager
def troubled(kind: str) -> Iterator[str]:
    """Run the server on a free port of 127.0.0.1, and give its address."""
    patience.hangs(kind in {"hang", "drip"})
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0.1)
        threads = [threading.Thread(target=_accept, args=(listener, kind, stop), daemon=True)]
        threads[0].start()
        try:
            yield f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            threads[0].join()
            patience.hangs(False)


def _accept(listener: socket.socket, kind: str, stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(TimeoutError):
            own, _address = listener.accept()
            threading.Thread(target=_serve, args=(own, kind, stop), daemon=True).start()


def _serve(own: socket.socket, kind: str, stop: threading.Event) -> None:
    with own, suppress(OSError):
        if kind == "shut":
            return
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
