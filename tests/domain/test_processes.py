"""The demo's processes end together, with all that each of them started."""

from __future__ import annotations

import sys
from threading import Event

import pytest

from tests.peers.redises import until
from tests.peers.site import free_port
from tests.sandbox import processes

# It takes no SIGTERM, nor does what it starts, which answers in its place.
STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.run([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", sys.argv[1]])
"""


def test_who_does_not_end_is_killed_with_what_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LEAVE_SECONDS", 0.2)
    port = free_port()
    command = [sys.executable, "-c", STUBBORN, str(port)]
    stubborn = processes.Process("stubborn", command, port, path="/")
    with processes.running([stubborn], Event()) as started:
        assert not processes.is_free(port)
    assert started[0].returncode is not None
    until(lambda: processes.is_free(port))
