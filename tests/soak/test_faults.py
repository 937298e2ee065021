"""What the site leans on breaks while people come and go, and is mended (docs/soak.md).

Each test hurts one thing for some seconds with traffic running, waits until the site is well, and
counts: requests that were held, those told to come again (503 and `Retry-After`, or the page that
says what is wrong), those that failed; sign-ins and sign-outs that were acknowledged and then were
not so. Nobody is signed out who should not be, and nobody in.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.peers.certified import certified
from tests.peers.clocks import Clock
from tests.peers.cms import cms
from tests.peers.services import Postgres, Redis
from tests.peers.site import Site
from tests.peers.small_disk import small_disk
from tests.peers.soak import Told
from tests.soak.comers import LIBRARY, OPENID, Comers, at_library, at_provider, row
from tests.soak.house import PEOPLE, House, opened, until
from tests.soak.traffic import Traffic

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
MEBIBYTES = 160  # of a disk that holds an empty PostgreSQL and some sign-ins
CALM, FAULT = 3.0, 6.0  # seconds of traffic before and after, and of the fault


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(fsync="on").running())
        redis = stack.enter_context(Redis().running())
        data = tmp_path_factory.mktemp("house")
        yield opened(stack, data, postgres, redis, VESTIBULE_HTTP_PLAIN="1")


@contextmanager
def under_traffic(house: House, told: Told, fault: str, *comers: Comers) -> Iterator[Traffic]:
    """Have people come and go around the block, which hurts something, and count."""
    house.until_ready()
    traffic = house.traffic()
    with traffic, ExitStack() as stack:
        for each in comers:
            stack.enter_context(each)
        time.sleep(CALM)
        yield traffic
        house.until_ready()
        before = traffic.count("held")
        until(lambda: traffic.count("held") > before + 20 * PEOPLE)
        time.sleep(CALM)
    found = traffic.audit()
    more = row(comers)
    told(
        "faults",
        fault=fault,
        held=traffic.count("held") + more["held"],
        told=traffic.count("told") + more["told"],
        failed=traffic.count("failed") + more["failed"],
        **found,
        **{"out": traffic.wrong["out"], "in": traffic.wrong["in"]},
        **{"longest, s": f"{traffic.longest:.1f}"},
    )
    assert found == {"lost": 0, "back": 0}, traffic.ledger
    assert not traffic.wrong


def nothing_failed(traffic: Traffic, *comers: Comers) -> None:
    assert traffic.count("failed") == 0, traffic.reasons
    assert row(comers)["failed"] == 0, [each.reasons for each in comers]


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_redis(house: House, told: Told, how: str) -> None:
    with under_traffic(house, told, f"Redis is {how}") as traffic, getattr(house.redis, how)():
        time.sleep(FAULT)
    nothing_failed(traffic)
    assert traffic.count("told") == 0


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_postgresql(house: House, told: Told, how: str) -> None:
    fault = getattr(house.postgres, how)
    with under_traffic(house, told, f"PostgreSQL is {how}") as traffic, fault():
        time.sleep(FAULT)
    nothing_failed(traffic)


def test_a_worker_is_killed(house: House, told: Told) -> None:
    time.sleep(6)  # to granian, two that die within 5.5 s of their start are a loop of crashes
    with under_traffic(house, told, "a worker is killed") as traffic:
        house.kill_a_worker()
    assert traffic.count("failed") <= PEOPLE, traffic.reasons  # what it was answering


def test_a_provider_hangs(house: House, told: Told, settings: Any) -> None:
    at = settings.VESTIBULE_SITE_URL = house.site.url  # the browser's word for where it comes back
    with certified(OP_REDIRECT_URIS=f"{at}/auth/callback/town", OP_AUTO_CONSENT="1") as provider:
        house.site.manage("sources", "apply", "-", stdin=OPENID.format(issuer=provider.issuer))
        comers = Comers(at_provider(at, provider))
        with under_traffic(house, told, "an OpenID provider hangs", comers) as traffic:
            provider.trouble("/token", "hang")
            time.sleep(FAULT)
            provider.heal()
    nothing_failed(traffic, comers)
    assert traffic.count("told") == 0
    assert comers.tally["told"]


def test_the_cms_is_cut_off(house: House, told: Told) -> None:
    at = house.site.url
    with cms(at) as library:
        settings = json.dumps(library.settings())
        house.site.manage("shell", "--verbosity=0", stdin=LIBRARY.format(settings=settings))
        comers = Comers(at_library(at, library))
        with under_traffic(house, told, "the CMS is cut off", comers) as traffic:
            library.stop()
            time.sleep(FAULT)
            library.start()
    nothing_failed(traffic, comers)
    assert traffic.count("told") == 0
    assert comers.tally["told"]


def ahead(site: Site) -> float:
    """Return by how many seconds the last line of a machine's log is ahead of the time."""
    told = re.findall(r'"timestamp": ?"([^"]+)"', site.output())
    return (datetime.fromisoformat(told[-1]) - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize("seconds", [90, -90])
def test_a_machine_whose_clock_jumps(
    house: House, told: Told, tmp_path: Path, seconds: int
) -> None:
    clock = Clock(tmp_path / "clock")
    clock.jump(0)
    fault = f"a machine's clock jumps by {seconds} s"
    with (
        house.another_machine(clock.variables()) as both,
        under_traffic(both, told, fault) as traffic,
    ):
        clock.jump(seconds)
        time.sleep(2 * FAULT)
        assert abs(ahead(both.sites[1]) - seconds) < 30, "the clock did not jump"
    nothing_failed(traffic)
    assert traffic.count("told") == 0


def test_the_disk_of_postgresql_is_full(
    told: Told, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(MEBIBYTES))
        folder = disk.folder / "postgres"
        folder.mkdir()
        postgres = stack.enter_context(Postgres(folder=folder, fsync="on").running())
        redis = stack.enter_context(Redis().running())
        house = opened(stack, tmp_path_factory.mktemp("house"), postgres, redis)
        with under_traffic(house, told, "the disk of PostgreSQL is full") as traffic:
            with disk.full():
                time.sleep(FAULT)
            postgres.start_if_ended()
    nothing_failed(traffic)
