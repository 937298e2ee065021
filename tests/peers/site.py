"""The real site for a test: its own database, its own data, served by granian on a free port."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

import redis

from tests.peers.commands import ROOT, manage

# Below those that the kernel gives to whoever connects: nobody takes one before it is used.
_PORTS = range(15_000, 30_000)
_reserved: list[socket.socket] = []
TUNED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
KEPT_ALIVE = ("--respawn-failed-workers", "--workers-kill-timeout", "60")
TAKEN = ("--backpressure", "4096")  # as many connections as a worker takes
PATIENCE = 120.0  # seconds until a started site must answer


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on. It is ours until this process ends."""
    return _free_ports(1)


def demo_ports() -> int:
    """Return a free port whose four successors are free as well: the demo's site and stand-ins."""
    return _free_ports(5)


def _free_ports(count: int) -> int:
    """Return the first of so many ports in a row that no other process of the tests is given."""
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            own = [_reserve(each) for each in range(port, port + count)]
            for each in range(port, port + count):
                held.enter_context(socket.create_server(("127.0.0.1", each)))
            _reserved.extend(own)
            return port


def _reserve(port: int) -> socket.socket:
    """Hold a name that stands for a port, so that it may be free and yet be given to one only."""
    own = socket.socket(socket.AF_UNIX)
    own.bind(f"\0vestibule-tests-{port}")
    return own


@dataclass
class Site:
    """A running site. `url` is its origin, `env` what it and its commands are told.

    `python` serves it from `folder`: the checkout, or wherever else the site is installed, with
    further `flags` of granian's. `taken` says how many connections a worker takes.
    `process` is granian's; `log` is what all of it printed, by `output()`.
    """

    url: str
    env: Mapping[str, str]
    workers: int
    threads: int
    log: Path
    python: str = sys.executable
    folder: Path = ROOT
    respawn: int = 30
    flags: Sequence[str] = ()
    taken: Sequence[str] = TAKEN
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def manage(self, *args: str, stdin: str = "") -> str:
        """Run `manage.py` against the site's data and return what it printed.

        Raises `AssertionError` with all that was printed when it ends with another status than 0.
        """
        done = manage(args, self.env, stdin)
        assert done.returncode == 0, f"manage.py {' '.join(args)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def output(self) -> str:
        """Return what the site printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self) -> None:
        """Serve, and return once the site answers. It ends with this process."""
        command = [
            "setpriv", "--pdeathsig", "TERM",
            self.python, "-m", "granian", "--interface", "rsgi",
            "--host", "127.0.0.1", "--port", str(urlsplit(self.url).port),
            "--workers", str(self.workers), "--runtime-mode", "mt", "--no-ws",
            *KEPT_ALIVE, *self.taken, "--respawn-interval", str(self.respawn), *self.flags,
            "portal.rsgi:application",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**TUNED, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, f"the site ended at its start:\n{self.output()}"
            assert time.monotonic() < deadline, f"the site does not answer:\n{self.output()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the site and all its workers at once, as Ctrl-C does. Harmless when it has ended."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=5):
                return True
        except HTTPError as error:
            error.close()
            return error.code < 500
        except OSError:
            return False


def fresh_redis(redis_url: str, number: int) -> str:
    """Return the URL of an emptied Redis database that the tests' own process does not use."""
    if not redis_url:
        return ""
    from tests.peers import dead_cache  # once the apps are ready

    if dead_cache.whole_run():
        return redis_url
    parts = urlsplit(redis_url)
    own = int(parts.path.strip("/") or 0)
    url = urlunsplit(parts._replace(path=f"/{own + 1 + number % 15}"))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without any setting of Vestibule's, and with `given`."""
    ours = ("VESTIBULE_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
    own = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {name: value for name, value in {**own, **given}.items() if value}
