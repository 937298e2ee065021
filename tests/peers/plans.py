"""How the database answers: which rows a statement looks at, and what it sorts.

PostgreSQL runs each statement under EXPLAIN ANALYZE, and is told that to read a whole table is
dear, as it is for a large one: otherwise it reads so few rows from one end to the other whatever
index there is. The rows that were looked at are counted, also those that a filter threw away. On
SQLite the instructions of its machine are counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

LARGE = {
    "accounts_storedsession",
    "accounts_storedtokens",
    "accounts_identity",
    "accounts_event",
    "accounts_endedentry",
    "accounts_user",
    "authorization_server_accesstoken",
    "authorization_server_refreshtoken",
}
# Of SQLite's machine for a row that a statement returns or throws away: reading one and throwing it
# away takes five at least.
INSTRUCTIONS = 30


@dataclass
class Looked:
    """What the statements of a block looked at; each may look at `most` rows of a large table."""

    most: int
    statements: int = 0
    faults: list[str] = field(default_factory=list)


@contextmanager
def looking(most: int = 1000) -> Iterator[Looked]:
    """Fail when a statement of the block reads a large table from one end to the other, or looks at
    more than `most` rows of one.
    """
    looked = Looked(most)

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not many and sql.lstrip().split(" ", 1)[0].upper() in {"SELECT", "UPDATE", "DELETE"}:
            looked.statements += 1
            fault = _fault(sql, params, most)
            if fault:
                looked.faults.append(f"{fault}\n  {_shown(sql)}")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        yield looked
    assert not looked.faults, "\n".join(looked.faults)


def _fault(sql: str, params: Any, most: int) -> str:
    if connection.vendor == "postgresql":
        return _postgres(sql, params, most)
    return _sqlite(sql, params, most)


def _postgres(sql: str, params: Any, most: int) -> str:
    wants = "ANALYZE, TIMING OFF, FORMAT JSON"
    with connection.connection.cursor() as cursor:
        own = cursor.connection.info.transaction_status.name == "IDLE"
        cursor.execute("BEGIN" if own else "SAVEPOINT plan")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN ({wants}) {sql}", params)
        found = cursor.fetchone()[0]
        cursor.execute("ROLLBACK" if own else "ROLLBACK TO SAVEPOINT plan")
    plan = found if isinstance(found, list) else json.loads(found)
    faults = [_judged(node, most) for node in _nodes(plan[0]["Plan"])]
    return "; ".join(filter(None, faults))


def _judged(node: dict[str, Any], most: int) -> str:
    table = node.get("Relation Name")
    if table not in LARGE:
        return ""
    kind = node["Node Type"]
    if kind == "Seq Scan":
        return f"{table}: {kind}"
    thrown = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    rows = (node["Actual Rows"] + sum(node.get(name, 0) for name in thrown)) * node["Actual Loops"]
    return f"{table}: {kind} of {rows} rows" if rows > most else ""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _sqlite(sql: str, params: Any, most: int) -> str:
    """Run the statement, count the instructions of SQLite's machine, and take it back."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 100

    own = connection.connection
    cursor = connection.create_cursor()  # past the wrapper that asks
    cursor.execute("SAVEPOINT plan")
    own.set_progress_handler(count, 100)
    try:
        cursor.execute(sql, params)
        cursor.fetchall()
    finally:
        own.set_progress_handler(None, 0)
    cursor.execute("ROLLBACK TO plan")
    cursor.execute("RELEASE plan")
    if counted <= most * INSTRUCTIONS or not _is_large(sql):
        return ""
    cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
    return f"{counted} instructions: " + "; ".join(row[3] for row in cursor.fetchall())


def _is_large(sql: str) -> bool:
    """Tell whether it is about a large table; people and their ways in are read from one end to the
    other here, when a part of a name is looked for (docs/scale.md 2).
    """
    read = {"accounts_user", "accounts_identity"} if " LIKE " in sql else set()
    return any(f'"{table}"' in sql for table in LARGE - read) and not any(
        f'FROM "{table}"' in sql for table in read
    )


def _shown(sql: str) -> str:
    columns = re.sub(r"SELECT .{200,}? FROM", "SELECT … FROM", sql)
    return columns if len(columns) < 900 else columns[:450] + " … " + columns[-450:]
