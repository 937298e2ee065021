"""Brief waits: a migration that waits for a table holds up all who come after it, on PostgreSQL.

An ALTER TABLE queues behind whoever reads the table, such as pg_dump, and every other statement
queues behind the ALTER TABLE. So it gives up soon, and is tried again (PostgreSQL, lock_timeout).
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import OperationalError
from psycopg import errors

# The name of the lock that a migration holds in its database: any number that is nobody else's.
_ALONE = 0x7665737469627565
# For how many seconds a statement may wait for a lock.
LONGEST = 2
# How many seconds pass before each other try.
PAUSES = (1, 2, 5, 10, 20, 40, *[60] * 10)


class Busy(Exception):
    """Another process migrates the same database."""


@contextmanager
def alone(connection: Any, told: Callable[[], None]) -> Iterator[None]:
    """Have no other process migrate the database of `connection` during the block: an index that
    one builds looks to another as if its building was broken off. `told` is called when another is
    at work. Raises `Busy` when it is so for as long as all of `PAUSES`.
    """
    with _lock_of(connection) as (is_taken, give_back):
        # Asked time and again: a statement that waited would hold up whoever builds an index.
        for second in range(sum(PAUSES)):
            if is_taken():
                break
            if not second:
                told()
            time.sleep(1)
        else:
            raise Busy
        try:
            yield
        finally:
            give_back()


@contextmanager
def _lock_of(connection: Any) -> Iterator[tuple[Callable[[], bool], Callable[[], None]]]:
    """Give what tries to take the lock of a database and tells whether it did, and what gives it
    back. That of a SQLite file is its folder's; one in memory needs none.
    """

    def unlock() -> None:
        if connection.connection is not None and not connection.needs_rollback:
            _asked(connection, "pg_advisory_unlock")

    if connection.vendor == "postgresql":
        yield lambda: _asked(connection, "pg_try_advisory_lock"), unlock
    elif connection.is_in_memory_db():
        yield lambda: True, lambda: None
    else:
        # Not the file itself: closing it would give back what SQLite has locked in this process.
        folder = os.open(Path(connection.settings_dict["NAME"]).parent, os.O_RDONLY)
        try:
            yield lambda: _is_locked(folder), lambda: fcntl.flock(folder, fcntl.LOCK_UN)
        finally:
            os.close(folder)


def _is_locked(folder: int) -> bool:
    """Tell whether the lock of a folder, which is open, is this process's now."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _asked(connection: Any, function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_ALONE])
        return bool(cursor.fetchone()[0])


def tried(do: Callable[[], None], told: Callable[[int], None]) -> None:
    """Call `do` until it has got its locks; before each pause `told` is called with its seconds.
    Raises the `OperationalError` of the last try.
    """
    for pause in PAUSES:
        try:
            return do()
        except OperationalError as error:
            if not is_held_up(error):
                raise
        told(pause)
        time.sleep(pause)
    return do()


def is_held_up(error: OperationalError) -> bool:
    """Tell whether a lock was missing, and nothing else."""
    return isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected)


def is_forbidden(error: BaseException) -> bool:
    """Tell whether the role may not make, or change, what it was about to."""
    told = error.__cause__ or error.__context__
    told = told if isinstance(told, psycopg.Error) else getattr(told, "__cause__", None)
    return isinstance(told, errors.InsufficientPrivilege | errors.InvalidSchemaName)


@contextmanager
def locks(connection: Any) -> Iterator[None]:
    """Have each statement of the block end after `LONGEST` seconds without its lock; what works
    CONCURRENTLY waits for as long as it must, and holds up nobody.
    """
    if connection.vendor != "postgresql":
        yield
        return

    def limited(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if "CONCURRENTLY" not in str(sql).upper():
            return execute(sql, params, many, context)
        _limit(connection, 0)
        try:
            return execute(sql, params, many, context)
        finally:
            _limit(connection, LONGEST)

    _limit(connection, LONGEST)
    try:
        with connection.execute_wrapper(limited):
            yield
    finally:
        if connection.connection is not None and not connection.needs_rollback:
            _limit(connection, None)


def _limit(connection: Any, seconds: int | None) -> None:
    """Set the limit of this connection; None is the one it began with."""
    with connection.cursor() as cursor:
        to = "DEFAULT" if seconds is None else f"'{seconds}s'"
        cursor.execute(f"SET lock_timeout TO {to}")
