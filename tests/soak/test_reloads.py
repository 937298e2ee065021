"""Workers are started anew while people come and go: nobody notices (docs/operations.md 9)."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.peers import patience
from tests.peers.site import Site
from tests.peers.soak import Told
from tests.soak.far import far
from tests.soak.house import kill_a_worker
from tests.soak.keepers import Keepers
from tests.soak.traffic import Traffic, furnished

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]
PEOPLE, WORKERS = 12, 2
RELOADS, REQUESTS, ENDS = 10, 10_000, 10
REPLACED = "Stopped old worker"


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    """Give the site, whose workers have one second beside their successors: less than a start."""
    own = site({**patience.USUAL, "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1"}, workers=WORKERS)
    own.manage("shell", "--verbosity=0", stdin=furnished(PEOPLE))
    again(own, respawn=1)
    return own


@pytest.fixture
def too_large(house: Site) -> Iterator[Site]:
    """Give the site with workers that are too large from the beginning."""
    again(house, respawn=1, flags=("--workers-max-rss", "10", "--rss-sample-interval", "30"))
    yield house
    again(house, respawn=1)


@pytest.fixture
def too_old(house: Site) -> Iterator[Site]:
    """Give the site with workers that are too old after a minute, granian's least."""
    again(house, respawn=1, flags=("--workers-lifetime", "60"))
    yield house
    again(house, respawn=1)


def again(house: Site, respawn: int, flags: tuple[str, ...] = ()) -> None:
    """Start the site once more, with these flags."""
    house.stop()
    house.respawn, house.flags = respawn, flags
    house.start()


def traffic_at(house: Site) -> Traffic:
    host = house.url.removeprefix("http://")
    return Traffic(int(host.rpartition(":")[2]), host, people=PEOPLE)


def until(house: Site, word: str, times: int) -> None:
    """Return once the site has written a word so many times."""
    deadline = time.monotonic() + 300
    while house.output().count(word) < times:
        assert time.monotonic() < deadline, house.output()
        time.sleep(0.1)


def replaced_without_loss(house: Site, told: Told, what: str) -> None:
    """Wait under traffic until each worker is replaced, and require that no request was lost."""
    before = house.output().count(REPLACED)
    with traffic_at(house) as traffic:
        until(house, REPLACED, before + WORKERS)
    assert counted(told, traffic, f"{WORKERS} workers that are {what}") == 0, why(traffic)


def why(traffic: Traffic) -> object:
    """Return what was said in the place of answers."""
    return traffic.reasons | traffic.told


def counted(told: Told, traffic: Traffic, operation: str) -> int:
    """Tell what was counted, and return how many requests failed. Nothing else may be amiss."""
    found = traffic.audit()
    failed = traffic.count("failed") + traffic.count("told")
    held = traffic.count("held")
    told("reloads", operation=operation, requests=held + failed, held=held, failed=failed, **found)
    assert found == {"lost": 0, "back": 0}
    assert not traffic.wrong
    return failed


def test_ten_reloads_lose_no_request(house: Site, told: Told) -> None:
    assert house.process is not None
    before = house.output().count(REPLACED)
    with traffic_at(house) as traffic:
        for number in range(1, RELOADS + 1):
            os.kill(house.process.pid, signal.SIGHUP)
            until(house, REPLACED, before + number * WORKERS)
        while traffic.requests < REQUESTS:
            time.sleep(0.1)
    assert counted(told, traffic, f"{RELOADS} reloads of {WORKERS} workers") == 0, why(traffic)


def test_a_worker_that_is_too_large_is_replaced_and_loses_no_request(
    too_large: Site, told: Told
) -> None:
    replaced_without_loss(too_large, told, "too large (`--workers-max-rss`)")


def test_a_worker_that_is_too_old_is_replaced_and_loses_no_request(
    too_old: Site, told: Told
) -> None:
    replaced_without_loss(too_old, told, "too old (`--workers-lifetime`)")


def test_ten_ends_of_all_lose_no_request_on_a_connection_that_is_kept(
    house: Site, told: Told
) -> None:
    """Callers at 20 ms, who post all the time. Who finds nobody there afterwards is not counted."""
    port, answered, lost = int(house.url.rpartition(":")[2]), 0, Counter[str]()
    for _ in range(ENDS):
        assert house.process is not None
        with far(port, seconds=0.02) as at, Keepers(at, callers=PEOPLE) as keepers:
            while keepers.answered < 500:
                time.sleep(0.1)
            house.process.terminate()
            keepers.gone()
        answered, lost = answered + keepers.answered, lost + keepers.lost
        house.stop()
        house.start()
    told(
        "ends",
        operation=f"{ENDS} times SIGTERM to granian",
        callers=PEOPLE,
        answered=answered,
        lost=lost.total(),
    )
    assert not lost


def test_of_a_worker_that_is_killed_only_what_it_was_answering_fails(
    house: Site, told: Told
) -> None:
    assert house.process is not None
    word = "Spawning worker-"
    time.sleep(6)  # to granian, two that die within 5.5 s of their start are a loop of crashes
    with traffic_at(house) as traffic:
        time.sleep(3)
        started, before = house.output().count(word), traffic.requests
        kill_a_worker(house)
        until(house, word, started + 1)
        while traffic.requests < before + 1500:
            time.sleep(0.1)
    failed = counted(told, traffic, f"`kill -9` of one of {WORKERS} workers")
    assert failed <= PEOPLE, why(traffic)  # each of whom has one request under way
