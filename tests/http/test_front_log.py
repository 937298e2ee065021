"""The log of the real site goes to somebody who may stand still."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.peers.site import Site

pytestmark = pytest.mark.wire

REQUESTS = 600  # each of which is a line of more than 150 bytes; a pipe holds 64 KiB


def waiting(pipe: int) -> bytes:
    """Return what waits to be read."""
    found = b""
    with suppress(BlockingIOError):
        while more := os.read(pipe, 2**16):
            found += more
    return found


def test_a_log_that_nobody_reads_holds_nobody_up(site: Callable[..., Site], tmp_path: Path) -> None:
    house = site()
    house.stop()
    house.log = tmp_path / "pipe"
    os.mkfifo(house.log)
    read = os.open(house.log, os.O_RDONLY | os.O_NONBLOCK)
    try:
        house.start()
        for number in range(REQUESTS):
            said = requests.get(f"{house.url}/auth/session?{number}", timeout=30)
            assert said.status_code == 200
        assert len(waiting(read)) > 2**15, "the pipe was never full"
        assert requests.get(f"{house.url}/auth/session", timeout=30).status_code == 200
        told = waiting(read)
        while b"log.lines_lost" not in told:
            requests.get(f"{house.url}/auth/session", timeout=30)
            told += waiting(read)
    finally:
        house.stop()
        os.close(read)
