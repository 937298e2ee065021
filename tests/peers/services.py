"""A PostgreSQL or a Redis of a test's own, which can be stopped, started again and frozen.

Frozen is stopped by SIGSTOP: the port still takes connections, and nobody ever answers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg
import redis

from tests.peers.site import free_port

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0  # seconds until a service must answer


@dataclass
class Service:
    """A server in a process of its own. Whoever inherits says the script, and when it answers."""

    # Not one of pytest's, which are closed to the user that PostgreSQL runs as.
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="service-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        raise NotImplementedError

    def script(self) -> tuple[str, dict[str, str]]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it answers. It ends with this process."""
        script, variables = self.script()
        with (self.folder / "output").open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", str(HERE / script)],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < deadline, f"{script} does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; its data stays. Harmless when it has ended."""
        if self.process is not None:
            self.thaw()
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Start it for the block, and leave nothing of it behind."""
        try:
            self.start()
            yield self
        finally:
            self.stop()
            shutil.rmtree(self.folder)

    def freeze(self) -> None:
        """Stop all its processes where they are. Their sockets stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on. Harmless when it was not frozen."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End all its processes at once, as when the power fails; its data stays."""
        assert self.process is not None
        killed = [*_with_descendants(self.process.pid)]
        self._signal(signal.SIGKILL)
        self.process.wait(60)
        self.process = None
        deadline = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{pid}").exists() for pid in killed):  # the next one looks for them
            assert time.monotonic() < deadline, killed
            time.sleep(0.02)

    def start_if_ended(self) -> None:
        """Start it when it has ended by itself, as systemd does."""
        assert self.process is not None
        if self.process.poll() is not None:
            self.start()

    @contextlib.contextmanager
    def killed(self) -> Iterator[None]:
        """Kill it for the block, and start it again with its data."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze it for the block."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it for the block, and start it again with its data."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _signal(self, number: int) -> None:
        assert self.process is not None
        for pid in list(_with_descendants(self.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass
class Postgres(Service):
    """A PostgreSQL. With `fsync` "on" what it has committed is there when it was killed."""

    fsync: str = "off"

    @property
    def url(self) -> str:
        return f"postgres://vestibule:vestibule@127.0.0.1:{self.port}/vestibule"

    def script(self) -> tuple[str, dict[str, str]]:
        own = {"PG_PORT": str(self.port), "PG_FOLDER": str(self.folder), "PG_FSYNC": self.fsync}
        return "start-postgres.sh", own

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Redis(Service):
    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def script(self) -> tuple[str, dict[str, str]]:
        return "start-redis.sh", {"REDIS_PORT": str(self.port)}

    def answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except (OSError, redis.ConnectionError, redis.TimeoutError):
            return False


def _with_descendants(pid: int) -> Iterator[int]:
    """Yield a process and all that it started, parents first. PostgreSQL's leave their group."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                yield from _with_descendants(int(child))
