"""The peers: a bare WSGI function, and Django as it comes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.peers.site import ROOT, environment, free_port


@dataclass(frozen=True)
class Served:
    """A server: its origin and its first process."""

    url: str
    pid: int


@contextmanager
def bare_server() -> Iterator[Served]:
    """Serve a constant."""
    with _granian("tests.benchmarks.bare:application", {}) as served:
        yield served


@contextmanager
def stock_django(username: str, password: str) -> Iterator[Served]:
    """Serve a stock Django project with one person in it."""
    with tempfile.TemporaryDirectory() as folder:
        given = {
            "BENCH_DATABASE": str(Path(folder, "stock.sqlite3")),
            "BENCH_USER": username,
            "BENCH_PASSWORD": password,
        }
        with _granian("tests.benchmarks.stock:application", given) as served:
            yield served


@contextmanager
def _granian(target: str, given: dict[str, str]) -> Iterator[Served]:
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1", "--blocking-threads", "8", target,
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=environment(given), stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Served(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()
