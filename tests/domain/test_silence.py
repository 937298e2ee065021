"""portal/server/silence: a worker that leaves knows whether anybody is about to ask it."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator

import pytest

from portal.server import replaced, silence


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["ipv4", "ipv6"])
def door(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    address = "127.0.0.1" if request.param == socket.AF_INET else "::1"
    with socket.create_server((address, 0), family=request.param) as own:
        yield own


def caller(door: socket.socket) -> socket.socket:
    return socket.create_connection(door.getsockname()[:2])


def test_nobody_is_there(door: socket.socket) -> None:
    assert silence.seconds([door]) == math.inf


def test_who_waits_to_be_accepted_is_heard(door: socket.socket) -> None:
    with caller(door):
        assert silence.seconds([door]) == 0


def test_a_connection_is_as_silent_as_what_came_on_it_last(door: socket.socket) -> None:
    began = time.monotonic()
    with caller(door) as there:
        here, _address = door.accept()
        with here:
            time.sleep(0.3)
            assert 0.2 < silence.seconds([door]) <= time.monotonic() - began + 0.2
            there.sendall(b"GET / HTTP/1.1\r\n\r\n")
            here.recv(100)
            assert silence.seconds([door]) < time.monotonic() - began
            with caller(door) as another, door.accept()[0]:
                assert silence.seconds([door]) < 0.3 + time.monotonic() - began
                another.sendall(b"x")
        there.close()
    assert silence.seconds([door]) == math.inf


def test_who_has_hung_up_is_not_waited_for(door: socket.socket) -> None:
    there = caller(door)
    with door.accept()[0] as here:
        there.close()
        here.recv(1)
        assert silence.seconds([door]) == math.inf


def test_what_this_process_asks_elsewhere_is_none_of_it(door: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, caller(other):
        assert silence.seconds([door]) == math.inf


def test_looking_leaves_a_socket_as_it_is(door: socket.socket) -> None:
    door.setblocking(False)
    with replaced._listening() as own:
        assert door.getsockname() in [each.getsockname() for each in own]
    assert not os.get_blocking(door.fileno())


def test_looking_costs_no_file_descriptors(door: socket.socket) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with open(os.devnull):
        for _ in range(20):
            list(silence.sockets())
            replaced._listeners()
    # Each would be twenty; a thread of another test may have one for itself.
    assert abs(len(os.listdir("/proc/self/fd")) - before) < 10
