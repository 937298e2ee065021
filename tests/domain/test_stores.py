"""portal/configuration/stores.py: what the addresses of database and Redis say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string

from accounts.cache import servers
from portal.configuration import stores
from portal.configuration.env import Misconfigured


def database(url: str) -> dict[str, Any]:
    return stores.database(url, Path("/nowhere"), connect=2, statement=10, lock=5)


@pytest.mark.parametrize(
    ("hosts", "host", "port"),
    [
        ("one:5433", "one", 5433),
        ("one", "one", ""),
        ("[::1]:5433", "::1", 5433),
        ("one:5433,two:5434", "one,two", "5433,5434"),
        ("one:5433,two", "one,two", "5433,5432"),
        ("one,two", "one,two", "5432,5432"),
        ("[::1]:5433,[fd00::2],three", "::1,fd00::2,three", "5433,5432,5432"),
        ("one,[fd00::2]:5433", "one,fd00::2", "5432,5433"),
        ("%2Frun%2Fpostgresql", "/run/postgresql", "5432"),
        ("%2Frun%2Fpostgresql:5433,two", "/run/postgresql,two", "5433,5432"),
    ],
)
def test_each_host_has_the_port_behind_it(hosts: str, host: str, port: Any) -> None:
    found = database(f"postgres://name:p%40ss@{hosts}/vestibule")
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == (host, port, "p@ss")
    assert found["ENGINE"] == "accounts.database"


def test_of_several_hosts_the_one_that_takes_writes_is_meant() -> None:
    several = database("postgres://one,two/vestibule")["OPTIONS"]
    assert several["target_session_attrs"] == "read-write"
    assert "target_session_attrs" not in database("postgres://one/vestibule")["OPTIONS"]
    said = database("postgres://one,two/vestibule?target_session_attrs=primary")["OPTIONS"]
    assert said["target_session_attrs"] == "primary"


def test_tls_is_what_libpq_calls_it() -> None:
    query = "sslmode=verify-full&sslrootcert=/etc/ca.pem&sslcert=/etc/own.pem&sslkey=/etc/own.key"
    options = database(f"postgres://one/vestibule?{query}")["OPTIONS"]
    assert options["sslmode"] == "verify-full"
    assert options["sslrootcert"] == "/etc/ca.pem"
    assert options["sslkey"] == "/etc/own.key"


@pytest.mark.parametrize(
    ("query", "age"), [("", None), ("?conn_max_age=0", 0), ("?conn_max_age=60", 60)]
)
def test_the_address_says_for_how_long_a_connection_is_kept(query: str, age: int | None) -> None:
    """For ever, unless a pooler is to give it to somebody else (docs/city.md 3)."""
    assert database(f"postgres://one/vestibule{query}")["CONN_MAX_AGE"] == age


def test_a_file_is_sqlite_with_the_same_settings_as_the_embedded_one(tmp_path: Path) -> None:
    found = database(f"sqlite:///{tmp_path}/own.sqlite3")
    embedded = stores.database("", tmp_path, connect=2, statement=10, lock=5)
    assert found["NAME"] == tmp_path / "own.sqlite3"
    assert {**found, "NAME": ""} == {**embedded, "NAME": ""}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://one/vestibule", "'mysql' is none of"),
        ("postgres://one/vestibule?sslmode=full", "sslmode"),
        ("postgres://one,two/vestibule?target_session_attrs=writable", "target_session_attrs"),
        ("postgres://one/vestibule?ssl=on", '"ssl"'),
        ("postgres://one/vestibule?conn_max_age=never", "conn_max_age"),
        ("postgres://one/vestibule?conn_max_age=-1", "conn_max_age"),
        ("postgres://name:se/cret@one/vestibule", "%2F"),
        ("postgres://name:pass@one:se,two/vestibule", "%2F"),
    ],
)
def test_an_address_of_a_database_that_cannot_be_meant_is_refused(url: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=r"^DATABASE_URL") as refused:
        database(url)
    assert said in str(refused.value)
    assert "cret" not in str(refused.value)


def test_one_redis() -> None:
    found = servers.read("rediss://name:p%40ss@one:6380/3?ssl_ca_certs=/etc/ca.pem")
    assert (found.kind, found.hosts, found.service) == ("", (("one", 6380),), "")
    assert found.options["db"] == 3
    assert found.passwords == ["p@ss"]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("unix:///run/redis.sock?db=2", {"path": "/run/redis.sock", "db": 2}),
        ("unix:///run/redis.sock", {"path": "/run/redis.sock"}),
        (
            "unix://name:secret@/run/redis.sock",
            {"path": "/run/redis.sock", "username": "name", "password": "secret"},
        ),
    ],
)
def test_a_redis_by_its_socket(url: str, options: dict[str, Any]) -> None:
    """docs/configuration.md, Redis, as it stands there."""
    assert servers.read(stores.redis(url)).options == options


def test_a_redis_that_sentinels_choose() -> None:
    found = servers.read(
        "rediss+sentinel://:p%40ss@one,two:26380,[::1]/town"
        "?db=2&ssl_ca_certs=/etc/ca.pem&sentinel_username=watch&sentinel_password=p%26q"
    )
    assert (found.kind, found.service) == ("sentinel", "town")
    assert found.hosts == (("one", 26379), ("two", 26380), ("::1", 26379))
    assert found.options == {
        "db": 2, "password": "p@ss", "ssl": True, "ssl_ca_certs": "/etc/ca.pem",
    }  # fmt: skip
    assert found.asking == {
        "username": "watch", "password": "p&q", "ssl": True, "ssl_ca_certs": "/etc/ca.pem",
    }  # fmt: skip
    assert found.passwords == ["p@ss", "p&q"]
    assert "p@ss" not in repr(found)


def test_sentinels_without_a_password_are_sent_none() -> None:
    assert servers.read("redis+sentinel://:secret@one/town").asking == {}


def test_a_cluster() -> None:
    found = servers.read("redis+cluster://name:secret@one:7000,two/0?socket_timeout=2")
    assert (found.kind, found.hosts) == ("cluster", (("one", 7000), ("two", 6379)))
    assert found.options == {"username": "name", "password": "secret", "socket_timeout": 2.0}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://one", "'http' is none of"),
        ("redis+sentinel://one:26379", "asked for a service"),
        ("redis+sentinel://one/town/3", "asked for a service"),
        ("redis+cluster://one/3", "one database"),
        ("redis+cluster://one?db=3", "one database"),
        ("redis://one?tls=1", "'tls'"),
        ("redis://one?sentinel_password=cret", "for Sentinels"),
        ("redis://:se/cret@one/0", "%2F"),
        ("redis://one/0?db=cret", "%2F"),
    ],
)
def test_an_address_of_redis_that_cannot_be_meant_is_refused(url: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=r"^REDIS_URL") as refused:
        stores.redis(url)
    assert said in str(refused.value)
    assert "cret" not in str(refused.value)


def test_passwords_are_known_to_the_logs_as_sent_and_as_written() -> None:
    told = stores.redis_passwords("redis+sentinel://:p%40ss@one,two/town?sentinel_password=watch")
    assert set(told) == {"p@ss", "p%40ss", "watch"}
    assert stores.redis_passwords("") == []


@pytest.mark.parametrize(
    ("raw", "value"), [(b"x", None), (b"\xff", None), (b"", None), (b"[1]", [1])]
)
def test_what_is_no_json_is_no_value_and_no_failure_of_redis(raw: bytes, value: Any) -> None:
    options = stores.caches("redis://host/0")["default"]["OPTIONS"]
    assert import_string(options["SERIALIZER"])({}).loads(raw) == value
