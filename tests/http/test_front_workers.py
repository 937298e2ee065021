"""A worker that dies is started anew, and a reload loses nobody: README's flags, the real site."""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.benchmarks.processes import tree
from tests.peers import proxies
from tests.peers.site import KEPT_ALIVE, ROOT, TAKEN, Site
from tests.sandbox import processes
from tests.soak.far import far
from tests.soak.keepers import Keepers
from tests.soak.traffic import Traffic, furnished

pytestmark = pytest.mark.wire

PAUSE = 0.02  # seconds between two questions of a thread: the load is to be the site's, not ours
LATER = 5  # seconds until an old worker is told to end: less than it takes to start the new one
PEOPLE = 6


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    house = site({"VESTIBULE_TRUSTED_PROXIES": "127.0.0.1"})
    house.manage("shell", "--verbosity=0", stdin=furnished(PEOPLE))
    house.stop()
    house.respawn = LATER
    house.start()
    return house


def main_process(house: Site) -> int:
    assert house.process is not None
    return house.process.pid


def worker(house: Site) -> int:
    """Return the newest process that serves."""
    found = [
        pid
        for pid in tree(main_process(house))[1:]
        if b"tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()  # multiprocessing's own
    ]
    return max(found, key=began)  # pids begin anew at 32,768


def began(pid: int) -> int:
    """Return when a process was started, in the kernel's ticks (proc(5), stat, field 22)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


@contextmanager
def under_load(port: int, authority: Path, seen: Counter[object]) -> Iterator[None]:
    """Ask all the time, on new connections, and count the answers."""
    over = threading.Event()
    trust = ssl.create_default_context(cafile=str(authority))

    def ask() -> None:
        while not over.wait(PAUSE):
            try:
                seen[status(port, trust)] += 1
            except (OSError, http.client.HTTPException) as error:
                seen[repr(error)] += 1

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for each in asking:
        each.start()
    yield
    over.set()
    for each in asking:
        each.join()


def status(port: int, trust: ssl.SSLContext) -> int:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=trust)
    try:
        connection.request("GET", "/auth/session")
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_the_pages_have_these_flags(page: str) -> None:
    command = re.search(r"^ *granian .*?application$", (ROOT / page).read_text(), re.M | re.S)
    assert command
    words = command[0].replace("\\", " ").split()
    assert {*KEPT_ALIVE, *TAKEN} <= set(words)
    assert words[words.index("--respawn-interval") + 1] == "30"


@pytest.mark.parametrize(
    "application", ["portal.rsgi:application", "tests.sandbox.wsgi:application"]
)
def test_the_demo_keeps_its_workers_alive(application: str) -> None:
    assert KEPT_ALIVE[0] in processes.served("one", application, 1, {}).command


def test_the_one_worker_of_the_demo_takes_as_many_connections_as_four() -> None:
    command = processes.served("site", "portal.rsgi:application", 1, {}).command
    assert int(command[command.index(TAKEN[0]) + 1]) == 4 * int(TAKEN[1])


def test_a_reload_disturbs_nobody_who_comes_or_goes(house: Site) -> None:
    before, host = worker(house), house.url.removeprefix("http://")
    with Traffic(int(host.rpartition(":")[2]), host, people=PEOPLE) as traffic:
        os.kill(main_process(house), signal.SIGHUP)
        ended(before)
    assert traffic.tally["sign-in", "held"]
    assert not traffic.reasons, traffic.reasons
    assert (traffic.count("told"), traffic.wrong) == (0, {})
    assert traffic.audit() == {"lost": 0, "back": 0}


def ended(pid: int) -> None:
    """Return once a process is gone."""
    deadline = time.monotonic() + 180
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.mark.parametrize(
    "name",
    [proxies.NAMES[0], *(pytest.param(n, marks=pytest.mark.soak) for n in proxies.NAMES[1:])],
)
def test_a_reload_under_load_loses_no_request(house: Site, name: str) -> None:
    before, seen = worker(house), Counter[object]()
    upstream = int(house.url.rpartition(":")[2])
    with (
        proxies.before(name, upstream) as (port, authority),
        under_load(port, authority, seen),
    ):
        os.kill(main_process(house), signal.SIGHUP)
        ended(before)
        time.sleep(1)
    assert worker(house) != before
    assert set(seen) == {200}, seen


def test_a_worker_that_dies_is_started_anew(house: Site) -> None:
    # granian takes a worker that dies within 5.5 s of its start for a loop of crashes.
    time.sleep(6)
    os.kill(worker(house), signal.SIGKILL)
    deadline = time.monotonic() + 120
    answered = False
    while not answered and time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            answered = requests.get(f"{house.url}/healthz", timeout=60).status_code == 200
        except requests.ConnectionError:
            continue
    assert answered
    assert house.process is not None
    assert house.process.poll() is None


def test_an_end_of_all_loses_no_request_on_a_connection_that_is_kept(house: Site) -> None:
    """A Pod or a unit that is stopped has no successor, and its callers do not know of it yet."""
    port = int(house.url.rpartition(":")[2])
    with far(port, seconds=0.02) as at, Keepers(at, callers=12) as keepers:
        while keepers.answered < 200:
            time.sleep(0.05)
        os.kill(main_process(house), signal.SIGTERM)
        keepers.gone()
    assert not keepers.lost
