"""What the sandbox remembers from one run to the next: small JSON values in one SQLite file.

Each change is one statement, so that of twenty parallel uses of a code exactly one wins.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.sandbox import conf

Value = dict[str, Any]

_TABLE = """
CREATE TABLE IF NOT EXISTS things (
    kind TEXT NOT NULL, id TEXT NOT NULL, family TEXT NOT NULL, value TEXT NOT NULL,
    expires INTEGER NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID
"""
FOREVER = 2**53


def put(kind: str, key: str, value: Value, *, seconds: int | None = None, family: str = "") -> None:
    """Keep `value` for `seconds`, or for ever; and forget all that is over.

    What is there already under that name stays as it is.
    """
    now = _now()
    expires = FOREVER if seconds is None else now + seconds
    with _open() as database:
        database.execute("DELETE FROM things WHERE expires <= ?", (now,))
        database.execute(
            "INSERT OR IGNORE INTO things VALUES (?, ?, ?, ?, ?)",
            (kind, key, family, json.dumps(value), expires),
        )


def get(kind: str, key: str) -> Value | None:
    """Return what is kept under that name, or None."""
    query = "SELECT value FROM things WHERE kind = ? AND id = ? AND expires > ?"
    return _first(query, (kind, key, _now()))


def every(kind: str) -> list[Value]:
    """Return all things of a kind."""
    query = "SELECT value FROM things WHERE kind = ? AND expires > ?"
    return _all(query, (kind, _now()))


def turn(kind: str, key: str, into: str) -> Value | None:
    """Make a thing another kind of thing, and return it: None when somebody else did so before.

    This is how a code or a refresh token is spent: what is spent is still known as such.
    """
    change = "UPDATE things SET kind = ? WHERE kind = ? AND id = ? AND expires > ? RETURNING value"
    return _first(change, (into, kind, key, _now()))


def drop(kind: str, key: str) -> Value | None:
    """Forget one thing, and return it when it was there."""
    change = "DELETE FROM things WHERE kind = ? AND id = ? AND expires > ? RETURNING value"
    return _first(change, (kind, key, _now()))


def drop_family(kind: str, family: str) -> list[Value]:
    """Forget all things of one family, and return them."""
    change = "DELETE FROM things WHERE kind = ? AND family = ? RETURNING value"
    return _all(change, (kind, family))


def forget() -> None:
    """Delete the file with all that is kept."""
    for suffix in ("", "-journal"):
        conf.database().with_name(conf.database().name + suffix).unlink(missing_ok=True)


def secret_key() -> str:
    """Return the key with which Django signs here, made at the first start."""
    put("secret", "django", {"key": secrets.token_urlsafe(50)})
    return str((get("secret", "django") or {})["key"])


def _first(statement: str, values: tuple[object, ...]) -> Value | None:
    return next(iter(_all(statement, values)), None)


def _all(statement: str, values: tuple[object, ...]) -> list[Value]:
    with _open() as database:
        rows = database.execute(statement, values).fetchall()
    return [json.loads(row[0]) for row in rows]


@contextmanager
def _open() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(conf.database(), timeout=10, isolation_level=None)
    with closing(opened) as database:
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute(_TABLE)
        yield database


def _now() -> int:
    return int(time.time())
