"""An address of this machine that takes no connection and refuses none: it says nothing, as one of
a machine that is switched off.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_MOST = 20


@contextmanager
def silent(address: str, port: int) -> Iterator[None]:
    """Listen there with a queue that is full, so that the kernel drops who knocks."""
    with ExitStack() as open_:
        listener = open_.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(_MOST):
            own = open_.enter_context(socket.socket())
            own.settimeout(0.5)
            try:
                own.connect((address, port))
            except TimeoutError:
                break
        else:
            raise AssertionError("it takes everybody")
        yield
