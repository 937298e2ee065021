"""deploy/kubernetes/: what no schema finds. Each field fits what the site does by itself."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from portal.configuration.mail import server
from portal.operations.doctor.connections import needed
from providers.ldap.settings import PORTS
from tests.architecture.test_installing import configured, documents, pods
from tests.architecture.tree import text

MIB = {"Mi": 1, "Gi": 1024}


def mib(amount: str) -> int:
    return int(amount[:-2]) * MIB[amount[-2:]]


def outgoing() -> set[int]:
    """Return the ports to which the pods may connect by TCP."""
    (policy,) = (each for _, each in documents() if each["metadata"]["name"] == "vestibule-out")
    ports = [port for rule in policy["spec"]["egress"] for port in rule["ports"]]
    return {each["port"] for each in ports if each["protocol"] == "TCP"}


def test_directories_are_reached_by_each_way_that_a_source_may_choose() -> None:
    assert {*PORTS.values()} <= outgoing()


@pytest.mark.parametrize("url", ["smtp+tls://mail.example:587", "smtp+ssl://mail.example:465"])
def test_a_mail_server_is_reached_that_production_takes(url: str) -> None:
    found = server(url)
    assert found.get("EMAIL_USE_TLS") or found.get("EMAIL_USE_SSL")
    assert found["EMAIL_PORT"] in outgoing()


def test_stores_and_sources_are_reached() -> None:
    assert {443, 5432, 6379, 26379} <= outgoing()


def test_the_memory_of_a_pod_is_enough_for_its_workers_and_one_that_is_replaced() -> None:
    """A machine of many cores hashes as many passwords at once, unless it is told how many."""
    (per_process,) = re.findall(r"memory of a process \| (\d+) MiB", text(Path("docs/city.md")))
    told = configured()
    hashes = int(told["VESTIBULE_HASHES_AT_ONCE"]) * 46
    wanted = (int(told["VESTIBULE_WORKERS"]) + 1) * (int(per_process) + hashes)
    (site,) = dict(pods())["vestibule-site"]["containers"]
    in_memory = [
        mib(each["emptyDir"]["sizeLimit"])
        for each in dict(pods())["vestibule-site"]["volumes"]
        if each.get("emptyDir", {}).get("medium") == "Memory"
    ]
    assert mib(site["resources"]["limits"]["memory"]) >= wanted + sum(in_memory)


def test_what_is_said_of_connections_is_the_rule() -> None:
    """A roll-out has one pod more."""
    told = configured()
    (site,) = (
        each
        for _, each in documents()
        if each["metadata"]["name"] == "vestibule-site" and each["kind"] == "Deployment"
    )
    pods_at_once = site["spec"]["replicas"] + site["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    own = (int(told["VESTIBULE_WORKERS"]), int(told["VESTIBULE_THREADS"]))
    said = text(Path("deploy/kubernetes/site.yaml"))
    assert f"{needed(pods_at_once, *own)} connections" in said


def test_a_migration_may_be_tried_again_where_it_was_broken_off() -> None:
    """Not each is one transaction: what it has done by then stays, and it goes on from there."""
    said = text(Path("deploy/kubernetes/migrate.yaml"))
    assert "has changed nothing" not in said
    words = re.findall(r"\w+", said)
    assert ("broken", "off") in {*pairwise(words)}
