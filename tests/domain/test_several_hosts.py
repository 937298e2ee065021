"""accounts/database with several hosts: the one that takes writes is used, and another when it is
gone. A server that takes no writes is in trouble, not in error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from accounts import database
from accounts.database import base
from portal.configuration import stores
from portal.operations.doctor.database import acknowledged
from tests.peers.replicated import Server, address, primary_and_standby


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with primary_and_standby() as both:
        yield both


@pytest.fixture
def connect(settings: Any, django_db_blocker: Any) -> Any:
    settings.VESTIBULE_DATABASE_CONNECT = 5
    settings.VESTIBULE_DATABASE_STATEMENT = 30
    base._silences.clear()

    @contextmanager
    def connected(url: str) -> Iterator[Any]:
        found = stores.postgres(stores.address(url), connect=5, statement=30, lock=0)
        own = ConnectionHandler({"default": found})["default"]
        with django_db_blocker.unblock():  # a server of its own, not the database of the tests
            try:
                yield own
            finally:
                own.close()

    return connected


def ask(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


def test_tls_is_asked_for_by_the_address_and_the_server_proves_its_name(
    servers: tuple[Server, Server], connect: Any
) -> None:
    primary, _standby = servers
    files = primary.encrypt()
    words = f"?sslmode=verify-full&sslrootcert={files.authority}"
    with connect(address(primary, host="localhost") + words) as own:
        assert ask(own, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True
    misnamed = address(primary, host="127.0.0.1") + words
    with connect(misnamed) as own, pytest.raises(OperationalError):
        ask(own, "SELECT 1")


def test_a_server_that_takes_no_writes_is_down_and_its_connection_is_dropped(
    servers: tuple[Server, Server], connect: Any
) -> None:
    with connect(address(servers[1])) as own:
        assert ask(own, "SELECT pg_is_in_recovery()") is True
        with pytest.raises(OperationalError) as raised:
            ask(own, "CREATE TABLE written (number int)")
        assert database.is_down(raised.value)
        assert own.connection is None or own.connection.closed


def test_the_doctor_asks_for_a_standby_that_has_what_is_acknowledged(
    servers: tuple[Server, Server], connect: Any
) -> None:
    primary, _standby = servers
    with connect(address(*servers)) as own:
        assert [each.ok for each in acknowledged(own)] == [True]
        ask(own, "SET synchronous_commit = local")
        assert [each.ok for each in acknowledged(own)] == [False]
    with connect(address(primary)) as own:
        assert not list(acknowledged(own)), "nobody would take over"


def test_the_one_that_takes_writes_is_used_and_the_other_once_it_has_taken_over(
    servers: tuple[Server, Server], connect: Any
) -> None:
    primary, standby = servers
    with connect(address(standby, primary)) as own:
        ask(own, "CREATE TABLE kept (number int)")
        ask(own, "INSERT INTO kept VALUES (1)")
        primary.kill()
        for _ in range(2):
            with pytest.raises(OperationalError) as raised:
                ask(own, "INSERT INTO kept VALUES (2)")
            assert database.is_down(raised.value)
            own.close()
        standby.promote()
        base._silences.clear()  # which is over within a second
        assert ask(own, "SELECT sum(number) FROM kept") == 1
        ask(own, "INSERT INTO kept VALUES (3)")
