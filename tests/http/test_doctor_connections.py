"""`manage.py doctor database` asks PostgreSQL for the connections that docs/city.md 3 tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.db import connection
from django.test import override_settings

from accounts.provider import Finding
from portal.operations.doctor import connections
from tests.architecture.tree import text

postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="a file takes whoever opens it"
)


def found(**settings: int) -> Finding:
    """Return what the doctor finds with these numbers of workers and threads."""
    with override_settings(**settings):
        (only,) = connections.enough(connection)
    return only


def max_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        return int(cursor.fetchone()[0])


@pytest.fixture
def second_machine() -> Iterator[None]:
    """Two machines that serve: one comes by TCP, the other by the server's local socket."""
    told = connection.get_connection_params()
    by_tcp = {name: told[name] for name in ("host", "port", "user", "password", "dbname")}
    with connection.cursor() as cursor:
        cursor.execute("SHOW unix_socket_directories")
        by_socket = {**by_tcp, "host": cursor.fetchone()[0]}
    with ExitStack() as held:
        for each in (by_tcp, by_socket):
            for _ in range(connections.BESIDE + 1):
                held.enter_context(psycopg.connect(**each))
        yield


def test_the_rule_is_the_one_that_is_told() -> None:
    """The example of the page: two machines of four workers; `max_connections` keeps three more."""
    (row,) = re.findall(r"^\| connections to PostgreSQL \|.*$", text(Path("docs/city.md")), re.M)
    rule, example = row.strip("| ").split("|")[1:]
    assert connections.needed(machines=2, workers=4, threads=16) + 3 == int(example.split(":")[0])
    assert f"(threads and {connections.BESIDE})" in rule
    assert f"and {connections.COMMANDS} for commands" in rule


def test_the_composed_database_takes_as_many() -> None:
    told = yaml.safe_load(text(Path("deploy/compose.yaml")))
    ours = told["x-vestibule"]["environment"]
    wanted = connections.needed(1, int(ours["VESTIBULE_WORKERS"]), int(ours["VESTIBULE_THREADS"]))
    (most,) = re.findall(r"max_connections=(\d+)", str(told["services"]["postgres"]["command"]))
    assert int(most) - 3 >= wanted


@postgres
@pytest.mark.django_db
def test_a_worker_that_is_replaced_commands_and_superusers_have_theirs() -> None:
    """Of 200 connections 3 are kept: 7 workers of 16 threads need 180, and 8 of them 200."""
    most = max_connections()
    workers = (most - 3 - 20) // 20 - 1
    assert found(VESTIBULE_WORKERS=workers, VESTIBULE_THREADS=16).ok
    short = found(VESTIBULE_WORKERS=workers + 1, VESTIBULE_THREADS=16)
    assert not short.ok
    assert str(most - 3) in short.message
    assert str((workers + 2) * 20 + 20) in short.message


@postgres
@pytest.mark.django_db(transaction=True)
def test_a_second_machine_counts(second_machine: Any) -> None:
    workers = (max_connections() - 3 - 20) // (2 * 20) - 1
    assert found(VESTIBULE_WORKERS=workers, VESTIBULE_THREADS=16).ok
    short = found(VESTIBULE_WORKERS=workers + 1, VESTIBULE_THREADS=16)
    assert not short.ok
    assert "machines seen: 2" in short.message
