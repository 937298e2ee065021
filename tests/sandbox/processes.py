"""A few processes that start together and end together."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from accounts import conf

PATIENCE_SECONDS = 180.0  # a busy machine starts five of them in a minute
LEAVE_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.1


class FailedError(Exception):
    """A process ended, or does not answer, though nobody asked it to stop."""


@dataclass(frozen=True, slots=True)
class Process:
    """A command to run beside others. It answers `GET path` on `port` of 127.0.0.1 when ready.

    `variables` are added to the environment that it inherits.
    """

    name: str
    command: Sequence[str]
    port: int
    path: str = "/healthz"
    variables: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: a Ctrl-C reaches it through us, once and in order."""
        given = [f"{name}={value}" for name, value in self.variables.items()]
        command = [shutil.which("env") or "env", *given, *self.command]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603

    def answers(self) -> bool:
        """Tell whether it is ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self.path, headers={"Host": f"localhost:{self.port}"})
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def served(name: str, application: str, port: int, variables: Mapping[str, str]) -> Process:
    """Return a process that serves an application: one worker, with several threads.

    The site is served as RSGI and brings its threads along, a stand-in as WSGI.
    """
    how = ["--interface", "wsgi", "--blocking-threads", str(conf.threads())]
    if application.startswith("portal.rsgi:"):
        how = ["--interface", "rsgi", "--runtime-mode", "mt", "--backpressure", "16384"]
    command = [
        sys.executable, "-m", "granian", *how,
        "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--respawn-failed-workers",
        "--workers-kill-timeout", "4", "--no-ws", "--log-level", "error",
        application,
    ]  # fmt: skip
    return Process(name, command, port, variables=variables)


def is_free(port: int) -> bool:
    """Tell whether nobody listens on `port`, under neither of the addresses of `localhost`."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            socket.create_server((address, port), family=family).close()
        except OSError:
            if family == socket.AF_INET or _is_taken(address, port):
                return False  # without IPv6 there is no second address to be taken
    return True


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """Give an event that SIGINT, SIGTERM and SIGHUP set; afterwards they mean what they did."""
    stop = Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def running(processes: Sequence[Process], stop: Event) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run `processes` until the block is left; enter it when each of them answers.

    The block is entered too when `stop` is set meanwhile. Raises `FailedError`.
    """
    started: list[subprocess.Popen[bytes]] = []
    try:
        for process in processes:
            started.append(process.start())
        for process, own in zip(processes, started, strict=True):
            _await(process, own, stop)
        yield started
    finally:
        _end(started)


def watch(
    processes: Sequence[Process], started: Sequence[subprocess.Popen[bytes]], stop: Event
) -> None:
    """Return when `stop` is set. Raises `FailedError` when a process ends before."""
    while not stop.wait(LOOK_EVERY_SECONDS):
        for process, own in zip(processes, started, strict=True):
            if own.poll() is not None:
                raise FailedError(process.name)


def _await(process: Process, own: subprocess.Popen[bytes], stop: Event) -> None:
    for _ in range(int(PATIENCE_SECONDS / LOOK_EVERY_SECONDS)):
        if own.poll() is not None:
            break
        if process.answers() or stop.wait(LOOK_EVERY_SECONDS):
            return
    raise FailedError(process.name)


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    for own in reversed(started):
        own.terminate()
    ends = time.monotonic() + LEAVE_SECONDS
    for own in started:
        try:
            own.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            # Its whole session, or granian's workers stay and keep the port and our output.
            os.killpg(own.pid, signal.SIGKILL)
            own.wait()


def _is_taken(address: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((address, port), timeout=1).close()
        return True
    return False
