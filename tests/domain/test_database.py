"""accounts/database: nobody waits for PostgreSQL for ever, whether it is busy or stands still."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper as Connection
from django.db.utils import ConnectionHandler

from accounts import cache, database
from accounts.database import base
from accounts.database.base import ANSWERED_LATELY
from portal.configuration.env import env
from portal.configuration.stores import GRACE, KEEPALIVE, longest_wait, postgres
from tests.peers.commands import manage
from tests.peers.services import Postgres
from tests.peers.site import environment

STATEMENT = 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres().running() as own:
        yield own


@pytest.fixture
def connection(server: Postgres, settings: Any, django_db_blocker: Any) -> Iterator[Any]:
    settings.VESTIBULE_DATABASE_CONNECT = 2
    settings.VESTIBULE_DATABASE_WAIT = longest_wait(STATEMENT)
    address = env.db_url_config(server.url)
    own = ConnectionHandler({"default": postgres(address, connect=2, statement=STATEMENT, lock=0)})
    with django_db_blocker.unblock():  # a server of its own, not the database of the tests
        with own["default"].cursor():
            yield own["default"]
        own["default"].close()


def took(connection: Any, sql: str) -> tuple[float, BaseException]:
    begun = time.monotonic()
    with pytest.raises(OperationalError) as raised, connection.cursor() as cursor:
        cursor.execute(sql)
    return time.monotonic() - begun, raised.value


def test_moments_are_read_however_the_database_spells_them(
    server: Postgres, django_db_blocker: Any
) -> None:
    """An operator's ALTER DATABASE, or ALTER ROLE, is for all who come."""
    address = env.db_url_config(server.url)
    with psycopg.connect(server.url, autocommit=True) as own:
        own.execute("ALTER DATABASE vestibule SET datestyle TO 'German, DMY'")
        own.execute("ALTER DATABASE vestibule SET intervalstyle TO 'sql_standard'")
    site = ConnectionHandler({"default": postgres(address, connect=2, statement=9, lock=0)})
    try:
        with django_db_blocker.unblock(), site["default"].cursor() as cursor:
            cursor.execute("SELECT timestamptz '2026-11-30 08:00Z', interval '1 day 2 hours'")
            moment, lasting = cursor.fetchone()
            assert (moment.isoformat()[:16], lasting.seconds) == ("2026-11-30T08:00", 7200)
    finally:
        site["default"].close()
        with psycopg.connect(server.url, autocommit=True) as own:
            own.execute("ALTER DATABASE vestibule RESET ALL")


def test_the_server_ends_a_slow_statement_and_the_connection_is_kept(connection: Any) -> None:
    before = connection.connection
    seconds, error = took(connection, "SELECT pg_sleep(20)")
    assert seconds > STATEMENT * 0.9
    assert isinstance(error.__cause__, psycopg.errors.QueryCanceled)
    assert database.is_down(error)
    assert connection.is_usable()
    assert connection.connection is before


class Clock:
    """A clock that a test may move on."""

    ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


def test_a_server_that_stands_still_is_dropped_and_then_left_alone(
    connection: Any, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(cache, "time", clock)
    monkeypatch.setattr(cache, "SILENT_SECONDS", 60.0)  # a second is soon over on a busy machine
    with server.frozen():
        seconds, error = took(connection, "SELECT 1")
        assert seconds >= STATEMENT + GRACE
        assert "does not answer" in str(error)
        assert database.is_down(error)
        connection.close()
        refused = took(connection, "SELECT 1")[1]
        assert "did not answer a moment ago" in str(refused), "it is asked again"
    clock.ahead = 61.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_a_server_that_refuses_at_once_costs_nobody_a_connection_that_works(
    connection: Any,
) -> None:
    """As it does when it has too many clients."""
    refused = connection.copy()
    refused.settings_dict["PASSWORD"] = "wrong"
    for _ in range(2):
        assert "authentication failed" in str(took(refused, "SELECT 1")[1])
    assert connection.is_usable()


def test_the_client_waits_somewhat_longer_than_the_server_and_never_for_ever_untold() -> None:
    assert longest_wait(3) == 3 + GRACE
    assert 0 < longest_wait(0) < 60


def test_a_look_whether_a_connection_lives_is_shorter_than_a_statement(
    connection: Any, server: Postgres
) -> None:
    connection.connection.wait.seconds = statement = 600
    time.sleep(ANSWERED_LATELY)
    begun = time.monotonic()
    with server.frozen():
        assert not connection.is_usable()
    assert time.monotonic() - begun < statement / 10


def test_a_connection_that_has_answered_a_moment_ago_is_not_asked_whether_it_lives(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round trip that each request would make: one in nine of a whole login."""
    monkeypatch.setattr(base, "ANSWERED_LATELY", 60.0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    asked = []
    monkeypatch.setattr(Connection, "is_usable", lambda _: asked.append(1) or True)
    assert connection.is_usable()
    assert not asked
    monkeypatch.setattr(base, "ANSWERED_LATELY", ANSWERED_LATELY)
    time.sleep(ANSWERED_LATELY)
    assert connection.is_usable()
    assert asked


def test_one_that_its_server_has_ended_is_not_taken_for_living(
    connection: Any, server: Postgres
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (own,) = cursor.fetchone()
    with psycopg.connect(server.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [own])
    assert not connection.is_usable()


def test_one_that_its_server_has_ended_within_a_transaction_is_down(
    connection: Any, server: Postgres
) -> None:
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (own,) = cursor.fetchone()
        cursor.execute("SET idle_in_transaction_session_timeout = 50")
    with psycopg.connect(server.url, autocommit=True) as other:
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [own]).fetchone():
            time.sleep(0.05)
    assert database.is_down(took(connection, "SELECT 1")[1])
    assert connection.connection.closed


def test_one_that_had_an_error_is_asked(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    took(connection, "SELECT pg_sleep(20)")
    asked = []
    monkeypatch.setattr(Connection, "is_usable", lambda _: asked.append(1) or True)
    assert connection.is_usable()
    assert asked


def test_what_the_address_says_counts_more() -> None:
    address = env.db_url_config(
        "postgres://a:b@c/d?connect_timeout=7&options=-c%20lock_timeout%3D9"
    )
    found = postgres(address, connect=2, statement=10, lock=0)["OPTIONS"]
    assert int(found["connect_timeout"]) == 7
    assert found["options"] == "-c statement_timeout=10000 -c lock_timeout=9"


def test_nothing_is_asked_of_a_pooler_that_refuses_it() -> None:
    address = env.db_url_config("postgres://a:b@c/d")
    found = postgres(address, connect=2, statement=0, lock=0)["OPTIONS"]
    assert found == {**KEEPALIVE, "connect_timeout": 2}  # which the client keeps to itself


def test_a_command_may_take_its_time(server: Postgres, tmp_path: Any) -> None:
    env = environment({"DATABASE_URL": server.url, "VESTIBULE_DATA": str(tmp_path)})
    told = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SHOW statement_timeout")
    print(cursor.fetchone()[0])
"""
    done = manage(["shell", "--no-imports", "-c", told], env)
    done.check_returncode()
    assert done.stdout.strip() == "0"


def test_what_was_raised_because_the_database_is_down_counts_as_well() -> None:
    wrapped = ValueError("cannot go on")
    wrapped.__cause__ = OperationalError("gone")
    assert database.is_down(wrapped)
    assert not database.is_down(ValueError("a defect"))
    assert not database.is_down(None)


def test_the_client_looks_at_the_clock_where_the_server_does_not(
    server: Postgres, settings: Any, django_db_blocker: Any
) -> None:
    """As behind a pooler, to which no time-out can be said (docs/city.md 3)."""
    settings.VESTIBULE_DATABASE_WAIT = STATEMENT
    address = env.db_url_config(server.url)
    own = ConnectionHandler({"default": postgres(address, connect=2, statement=0, lock=0)})
    with django_db_blocker.unblock():
        seconds, error = took(own["default"], "SELECT pg_sleep(20)")
        own["default"].close()
    assert STATEMENT * 0.9 < seconds < 10  # half of what the server would take
    assert database.is_down(error)
