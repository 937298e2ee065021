"""The peers: a bare WSGI function, Django as it comes, and two other relying parties."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.provider import CLIENT_ID, CLIENT_SECRET
from tests.peers.certificates import Certificates
from tests.peers.database import fresh_database
from tests.peers.site import ROOT, environment, free_port

HERE = "http://127.0.0.1"


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
def bare_rsgi() -> Iterator[Served]:
    """Serve a constant from the event loop, in the mode in which our site is served."""
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "rsgi", "--runtime-mode", "mt", "--no-ws",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "tests.benchmarks.bare:in_the_loop",
    ]  # fmt: skip
    with running(command, {}, port) as served:
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
def headless() -> Iterator[Served]:
    """Serve a Django project with django-allauth and one person in it."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"BENCH_DATABASE": str(Path(folder, "headless.sqlite3"))}
        with _granian("tests.benchmarks.headless:application", given) as served:
            yield served


@contextmanager
def toolkit(devices: int) -> Iterator[Served]:
    """Serve django-oauth-toolkit's device grant, with so many devices that wait."""
    with tempfile.TemporaryDirectory() as folder:
        database = str(Path(folder, "toolkit.sqlite3"))
        given = {"BENCH_DATABASE": database, "BENCH_DEVICES": str(devices)}
        with _granian("tests.benchmarks.toolkit:application", given) as served:
            yield served


@contextmanager
def provider(certificates: Certificates | None = None) -> Iterator[str]:
    """Serve the OpenID provider, over https when there are certificates. Gives its issuer."""
    port = free_port()
    scheme = "https" if certificates else "http"
    files = [str(certificates.certificate), str(certificates.key)] if certificates else []
    command = [sys.executable, "-m", "tests.benchmarks.provider", str(port), *files]
    with running(command, {}, port):
        yield f"{scheme}://127.0.0.1:{port}"


@contextmanager
def mozilla(issuer: str, ca: Path, database_url: str) -> Iterator[Served]:
    """Serve the Django project that signs in by mozilla-django-oidc; `ca` is what it trusts.

    Its database is a new one beside `database_url`, or a new file when that is empty.
    """
    with tempfile.TemporaryDirectory() as folder, fresh_database(database_url) as fresh:
        given = {
            **_client(issuer),
            "BENCH_DATABASE_URL": fresh or f"sqlite:///{folder}/mozilla.sqlite3",
            "REQUESTS_CA_BUNDLE": str(ca),
        }
        with _granian("tests.benchmarks.mozilla:application", given) as served:
            yield served


@contextmanager
def openid_client(issuer: str, ca: Path | None = None) -> Iterator[Served]:
    """Serve the site on openid-client and iron-session; `ca` is trusted beside Node's own."""
    port = free_port()
    named = {name.replace("BENCH", "RP"): value for name, value in _client(issuer).items()}
    given = {**named, "RP_PORT": str(port), **({"NODE_EXTRA_CA_CERTS": str(ca)} if ca else {})}
    script = ROOT / "tests" / "peers" / "relying-party" / "server.mjs"
    with running(["node", str(script)], given, port) as served:
        yield served


def _client(issuer: str) -> dict[str, str]:
    return {
        "BENCH_ISSUER": issuer,
        "BENCH_CLIENT_ID": CLIENT_ID,
        "BENCH_CLIENT_SECRET": CLIENT_SECRET,
    }


@contextmanager
def _granian(target: str, given: Mapping[str, str]) -> Iterator[Served]:
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1", "--blocking-threads", "8", target,
    ]  # fmt: skip
    with running(command, given, port) as served:
        yield served


@contextmanager
def running(command: list[str], given: Mapping[str, str], port: int) -> Iterator[Served]:
    """Run a server that listens on `port` once it can be used. It ends with this process."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command],
        cwd=ROOT,
        env=environment(given),
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(400):
            if process.poll() is not None:
                raise RuntimeError(f"{command} ended")
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Served(f"{HERE}:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()
