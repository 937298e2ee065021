"""The site as a city runs it, with a PostgreSQL and a Redis that a test may hurt."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from tests.conftest import ARGON2_KIB
from tests.peers.services import Postgres, Redis
from tests.peers.site import Site, environment, free_port
from tests.soak.traffic import Traffic, furnished

PEOPLE, WORKERS = 8, 2
PATIENCE = 60.0  # seconds until the site is well again


@dataclass
class House:
    """The site, served by one granian or more (as on so many machines), and what it leans on."""

    sites: list[Site]
    postgres: Postgres
    redis: Redis

    @property
    def site(self) -> Site:
        return self.sites[0]

    @property
    def host(self) -> str:
        return self.site.url.removeprefix("http://")

    def traffic(self, pause: float = 0.02) -> Traffic:
        """Return people who visit all of its machines by turns."""
        ports = [int(each.url.rpartition(":")[2]) for each in self.sites]
        return Traffic(ports, self.host, PEOPLE, pause)

    @contextmanager
    def another_machine(self, variables: Mapping[str, str]) -> Iterator[House]:
        """Serve the same site on another machine as well, for the block. Gives both."""
        port, own = free_port(), self.site
        log = own.log.with_name(f"output-{port}")
        env = {**own.env, **variables}
        second = Site(f"http://localhost:{port}", env, own.workers, own.threads, log)
        try:
            second.start()
            yield replace(self, sites=[own, second])
        finally:
            second.stop()

    def kill_a_worker(self) -> None:
        """Kill the worker that was started last."""
        kill_a_worker(self.site)

    def until_ready(self) -> None:
        """Return once every machine says that it is well."""
        for each in self.sites:
            until(lambda url=each.url: is_ready(url, self.host))


def kill_a_worker(site: Site) -> None:
    """Kill the worker that was started last."""
    said = site.output().splitlines()
    line = [each for each in said if "Spawning worker-" in each][-1]
    os.kill(int(line.rpartition("PID: ")[2].split()[0].strip('"},')), signal.SIGKILL)


def is_ready(url: str, host: str) -> bool:
    """Tell whether a machine is well."""
    try:
        return requests.get(f"{url}/readyz", headers={"Host": host}, timeout=30).status_code == 200
    except requests.ConnectionError:
        return False


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def opened(
    stack: ExitStack,
    data: Path,
    postgres: Postgres,
    redis: Redis,
    **variables: str,
) -> House:
    """Start the site on these, with people in it."""
    url = f"http://localhost:{free_port()}"
    known = {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": redis.url,
        "VESTIBULE_DATA": str(data),
        "VESTIBULE_SITE_URL": url,
        "VESTIBULE_ARGON2_MEMORY_KIB": str(ARGON2_KIB),
        "VESTIBULE_THREADS": "8",
        "VESTIBULE_WORKERS": str(WORKERS),
        "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
        "VESTIBULE_DATABASE_CONNECT": "2",
        "VESTIBULE_DATABASE_STATEMENT": "3",
        "VESTIBULE_DATABASE_LOCK": "1",
        **variables,
    }
    site = Site(url, environment(known), WORKERS, 8, data / "output")
    site.manage("migrate", "--verbosity=0")
    site.manage("shell", "--verbosity=0", stdin=furnished(PEOPLE))
    stack.callback(site.stop)
    site.start()
    return House([site], postgres, redis)
