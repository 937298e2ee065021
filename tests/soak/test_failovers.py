"""docs/city.md 6 and 7: a server that holds the state is gone, another takes over, and people come
in and leave all the while. What was acknowledged counts, and nothing is started anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from accounts.cache import servers
from tests.peers.redises import Chosen, Cluster, Group
from tests.peers.replicated import address, primary_and_standby
from tests.peers.services import Postgres, Redis
from tests.soak.house import House, opened, until
from tests.soak.traffic import Traffic

pytestmark = [pytest.mark.soak, pytest.mark.slow]

Told = Callable[..., None]
BEFORE, MEANWHILE, AFTERWARDS = 3.0, 3.0, 5.0  # seconds of traffic around a failure


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres().running() as own:
        yield own


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_a_standby_takes_over_and_nothing_acknowledged_is_lost(
    way: str, told: Told, tmp_path: Path
) -> None:
    with primary_and_standby() as (primary, standby), Redis().running() as redis, ExitStack() as on:
        both = address(primary, standby)
        house = opened(on, tmp_path, primary, redis, DATABASE_URL=both)
        with house.traffic() as traffic:
            time.sleep(BEFORE)
            primary.kill() if way == "killed" else primary.freeze()
            until(lambda: bool(traffic.count("told")))
            time.sleep(MEANWHILE)
            standby.promote()
            seconds = back(house, traffic)
            time.sleep(AFTERWARDS)
        judged(told, f"PostgreSQL: the primary is {way}, its standby takes over", traffic, seconds)
    assert traffic.count("failed") == 0, traffic.reasons


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_sentinels_choose_another_master_and_nobody_notices(
    way: str, told: Told, postgres: Postgres, tmp_path: Path
) -> None:
    with Chosen().running() as group, ExitStack() as stack:
        house = opened(stack, tmp_path, postgres, group)
        with house.traffic() as traffic:
            time.sleep(BEFORE)
            former, begun = group.master, time.monotonic()
            group.kill(former) if way == "killed" else group.freeze(former)
            until(lambda: group.master != former)
            until(lambda: holds_sessions(group))
            seconds = time.monotonic() - begun
            time.sleep(AFTERWARDS)
        judged(told, f"Redis: the master is {way}, Sentinels choose another", traffic, seconds)
    assert (traffic.count("failed"), traffic.count("told")) == (0, 0), traffic.reasons


def test_a_cluster_loses_a_node_and_nobody_notices(
    told: Told, postgres: Postgres, tmp_path: Path
) -> None:
    with Cluster(replicas=1).running() as group, ExitStack() as stack:
        house = opened(stack, tmp_path, postgres, group)
        with house.traffic() as traffic:
            time.sleep(BEFORE)
            begun = time.monotonic()
            group.kill(group.ports[0])
            until(lambda: group.state(group.ports[1])["cluster_state"] == "fail")
            until(lambda: group.state(group.ports[1])["cluster_state"] == "ok")
            until(lambda: holds_sessions(group))
            seconds = time.monotonic() - begun
            time.sleep(AFTERWARDS)
        judged(
            told, "Redis: a node of a Cluster is killed, its replica takes over", traffic, seconds
        )
    assert (traffic.count("failed"), traffic.count("told")) == (0, 0), traffic.reasons


def back(house: House, traffic: Traffic) -> float:
    """Return after how many seconds somebody came in again."""
    begun, before = time.monotonic(), traffic.tally["sign-in", "held"]
    until(lambda: traffic.tally["sign-in", "held"] > before)
    return time.monotonic() - begun


def holds_sessions(group: Group) -> bool:
    """Tell whether the site keeps copies there, as a client sees it that begins now."""
    servers.client.cache_clear()
    try:
        own = servers.client(group.url, servers.Waits(2, 2))
        return any(own.scan_iter("vestibule-session:*", count=1000))
    except servers.FAILURES:
        return False


def judged(told: Told, fault: str, traffic: Traffic, seconds: float) -> None:
    """Tell what was counted. Nobody is signed out who should not be, nor signed in."""
    found = traffic.audit()
    row: dict[str, Any] = {
        "fault": fault,
        "held": traffic.count("held"),
        "told to come again": traffic.count("told"),
        "failed": traffic.count("failed"),
        **found,
        "until it is back, s": round(seconds, 1),
    }
    told("failovers", **row)
    assert found == {"lost": 0, "back": 0}
    assert not traffic.wrong
