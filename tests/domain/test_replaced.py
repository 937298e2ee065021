"""portal/server/replaced.py: a worker that ends looks at its own sockets, and leaves none open."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from portal.server import replaced


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as own:
        yield own


def test_somebody_who_is_connected_is_seen_and_nobody_once_they_have_left(
    listening: socket.socket,
) -> None:
    assert not replaced._connected()
    with socket.create_connection(listening.getsockname()):
        here, _ = listening.accept()
        with here:
            assert replaced._connected()
    assert not replaced._connected()


def test_to_look_leaves_nothing_open(listening: socket.socket) -> None:
    """It looks ten times in each second, for 45 s at most: what stays open is soon all there is."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        replaced._connected()
        replaced._listeners()
    assert len(os.listdir("/proc/self/fd")) == before
