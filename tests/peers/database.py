"""Databases for tests: one is migrated in a run, and every other is a copy of it or is swept."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import OperationalError, connection, connections, transaction
from psycopg import sql

from tests.peers.commands import manage
from tests.peers.site import environment

# What Django derives from the models, once for a database: no test changes it.
DERIVED = {"django_content_type", "auth_permission"}
SQLITE = "vestibule.sqlite3"
_sweeping: dict[str, list[str]] = {}


def migrated(folder: Path, database_url: str) -> str:
    """Return a migrated, empty database, made by whoever asks first for `folder`.

    It is the path of a SQLite file, or the name of a database beside `database_url`.
    """
    folder.mkdir(exist_ok=True)
    name = f"migrated_{urlsplit(database_url).path.strip('/')}" if database_url else ""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _migrate(folder, _anew(database_url, name) if database_url else "")
            (folder / "done").touch()
    return name or str(folder / SQLITE)


def copied(template: str, data: Path) -> None:
    """Put a copy of a migrated SQLite file where a site with this data folder looks for it."""
    shutil.copyfile(template, data / SQLITE)


@contextlib.contextmanager
def fresh_database(database_url: str, template: str = "", encoding: str = "") -> Iterator[str]:
    """Give the URL of a new database beside `database_url`, dropped at the end.

    It is a copy of the database `template`, or empty, perhaps of another encoding. Nothing set
    (`""`) stays nothing set: the site then makes its SQLite file in its own data.
    """
    if not database_url:
        yield ""
        return
    name = f"site_{secrets.token_hex(6)}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        spelt = "CREATE DATABASE {} TEMPLATE {}"
        if encoding:
            template, spelt = "template0", f"{spelt} ENCODING {encoding} LOCALE 'C'"
        create = sql.SQL(spelt)
        connection.execute(
            create.format(sql.Identifier(name), sql.Identifier(template or "template1"))
        )
        try:
            yield _beside(database_url, name)
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


def remember(alias: str) -> None:
    """Keep what the migrations wrote, so that `sweep` can bring it back."""
    own = connections[alias]
    tables = own.introspection.django_table_names(only_existing=True, include_views=False)
    swept = sorted({*tables} - DERIVED)
    statements = [f"DELETE FROM {table}" for table in swept]
    with own.cursor() as cursor:
        for table in swept:
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table})")
            if cursor.fetchone()[0]:
                cursor.execute(f"CREATE TABLE at_first_{table} AS SELECT * FROM {table}")
                statements.append(f"INSERT INTO {table} SELECT * FROM at_first_{table}")
    together = own.vendor == "postgresql"
    _sweeping[alias] = ["; ".join(statements)] if together else statements


@contextlib.contextmanager
def kept_open(alias: str) -> Iterator[None]:
    """Keep a SQLite file open: whoever closes it last writes its log into it, which takes longer
    than most tests, each of which closes its connection.
    """
    own = connections[alias]
    if own.vendor != "sqlite":
        yield
        return
    with contextlib.closing(sqlite3.connect(own.settings_dict["NAME"])) as kept:
        kept.execute("SELECT 1 FROM sqlite_master").fetchone()
        yield


def sweep(alias: str) -> None:
    """Make every table what it was at first, but those that Django derives from the models.

    Django's own `flush` truncates each table, which takes PostgreSQL a hundred times as long,
    derives the content types and permissions anew, and loses what the migrations wrote.
    """
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        for statement in _sweeping[alias]:
            cursor.execute(statement)


def _anew(database_url: str, name: str) -> str:
    """Make the database `name`, after one that an interrupted run left, and return its URL."""
    own = sql.Identifier(name)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(own))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(own))
    return _beside(database_url, name)


def _beside(database_url: str, name: str) -> str:
    return urlunsplit(urlsplit(database_url)._replace(path=f"/{name}"))


def _migrate(folder: Path, database_url: str) -> None:
    env = environment({"VESTIBULE_DATA": str(folder), "DATABASE_URL": database_url})
    manage(["migrate", "--verbosity=0"], env).check_returncode()
    if not database_url:  # all of it in the one file, and nothing in the log beside it
        with contextlib.closing(sqlite3.connect(folder / SQLITE)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextlib.contextmanager
def no_room_in(table: str) -> Iterator[None]:
    """Have the database keep nothing more in a table for the block, as on a full disk: whoever
    writes there is told so by the driver's own error. All else goes on.
    """
    writes = (f'INSERT INTO "{table}"', f'UPDATE "{table}"', f'DELETE FROM "{table}"')

    def refuse(execute: Any, text: str, *rest: Any) -> Any:
        if text.startswith(writes):
            raise OperationalError("could not extend file: No space left on device")
        return execute(text, *rest)

    with connection.execute_wrapper(refuse):
        yield
