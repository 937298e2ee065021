"""Lines of the log: a reader that stands still holds nobody up, and learns how many it has lost."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

LINES = 400
WRITER = f"""
import json, logging, sys, time
from portal.configuration import outlet
handler = logging.StreamHandler(outlet.of(sys.stdout))
handler.setFormatter(logging.Formatter("%(message)s"))
log = logging.getLogger("told")
log.addHandler(handler)
log.setLevel("INFO")
print("first")
for number in range({LINES}):
    log.info(json.dumps({{"number": number, "x": "y" * 9000}}))
print("all", file=sys.stderr, flush=True)
sys.stdin.readline()
log.info(json.dumps({{"number": "last"}}))
"""


def piped() -> tuple[int, int]:
    return os.pipe()


def paired() -> tuple[int, int]:
    """Return the ends of what journald gives a service."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@contextmanager
def writing(out: int) -> Iterator[subprocess.Popen[str]]:
    """Write lines to `out` in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER],
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(out)
        try:
            yield process
        finally:
            process.kill()


def waiting(read: IO[bytes]) -> bytes:
    """Return what waits to be read, so that there is room."""
    found = b""
    while select.select([read], [], [], 1)[0]:
        found += os.read(read.fileno(), 2**16)
    return found


def words(said: bytes) -> list[Any]:
    """Return what was written: lines that are whole, and None for one that was cut."""
    found: list[Any] = []
    for line in said.decode().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            found.append(line if line == "first" else None)
    return found


@pytest.mark.parametrize("ends", [piped, paired])
def test_who_reads_nothing_holds_nobody_up(ends: Callable[[], tuple[int, int]]) -> None:
    ours, theirs = ends()
    begun = time.monotonic()
    with writing(theirs) as process, open(ours, "rb") as read:
        assert process.stderr
        assert process.stdin
        assert process.stderr.readline() == "all\n"
        assert time.monotonic() - begun < 60, "a second for each line would be minutes"
        said = waiting(read)
        process.stdin.write("\n")
        process.stdin.flush()
        found = words(said + read.read())
    assert found[0] == "first"
    assert {"number": 0, "x": "y" * 9000} in found
    lost = [each["lines"] for each in found if each and "lines" in each]
    whole = [each for each in found if each and "number" in each]
    assert sum(lost) + len(whole) == LINES + 1, "each is whole, or counted"
    assert lost


@pytest.mark.parametrize("ends", [piped, paired])
def test_who_reads_loses_nothing(ends: Callable[[], tuple[int, int]]) -> None:
    ours, theirs = ends()
    with writing(theirs) as process, open(ours, "rb") as read:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
        found = words(read.read())
    assert [each["number"] for each in found[1:]] == [*range(LINES), "last"]
