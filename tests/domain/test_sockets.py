"""Of several addresses of a name the first that takes a connection is used (RFC 8305)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from accounts.http.sockets import connected
from tests.peers.silent_address import silent

pytestmark = pytest.mark.wire

# Seconds: what is given to a connection, and what a busy machine needs at most for one.
GIVEN, LONG = 60.0, 20.0
SILENT = ("127.0.0.5", "127.0.0.6", "127.0.0.7")


@pytest.fixture
def port() -> Iterator[int]:
    """Listen at 127.0.0.1; the `SILENT` addresses take no connection at the same port."""
    with ExitStack() as open_, socket.create_server(("127.0.0.1", 0)) as listener:
        number = int(listener.getsockname()[1])
        for address in SILENT:
            open_.enter_context(silent(address, number))
        yield number


def test_addresses_that_say_nothing_cost_a_moment_each(port: int) -> None:
    began = time.monotonic()
    with closing(connected([*SILENT, "127.0.0.1"], port, GIVEN)) as own:
        assert own.getpeername() == ("127.0.0.1", port)
    assert time.monotonic() - began < LONG


def test_those_that_refuse_or_cannot_be_reached_cost_nothing(port: int) -> None:
    with closing(connected(["::1", "127.0.0.8", "127.0.0.1"], port, GIVEN)) as own:
        assert own.getpeername() == ("127.0.0.1", port)


def test_why_there_is_no_connection(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        connected(["127.0.0.8", "127.0.0.9"], port, GIVEN)
    with pytest.raises(TimeoutError):
        connected(SILENT, port, 1.0)
    with pytest.raises(OSError, match="address"):
        connected([], port, GIVEN)
