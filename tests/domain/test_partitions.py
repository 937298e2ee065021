"""Sessions in PostgreSQL's own partitions, by the hash of their key (docs/scale.md 5): what each
request runs looks at one of them. Tried on a copy of the table as the migrations make it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import IntegrityError, NotSupportedError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import StoredSession, User
from accounts.session import people
from accounts.session.ending import end, hold
from accounts.session.store import SessionStore
from accounts.session.typed import Session

pytestmark = pytest.mark.django_db
PARTS = 8
TABLE, COPY = "accounts_storedsession", "session_parts"


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


@pytest.fixture
def parts(db: None) -> Iterator[None]:
    """Make the copy: all columns, and an index for each that the table has."""
    if not is_postgres():
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {COPY} (LIKE {TABLE} INCLUDING DEFAULTS, PRIMARY KEY (session_key)) "
            "PARTITION BY HASH (session_key)"
        )
        for number in range(PARTS):
            cursor.execute(
                f"CREATE TABLE {COPY}_{number} PARTITION OF {COPY} "
                f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {number})"
            )
        for columns in ("uid", "user_id, last_seen_at", "issuer, sid", "issuer, subject",
                        "parent_uid", "expire_date"):  # fmt: skip
            cursor.execute(f"CREATE INDEX ON {COPY} ({columns})")
    yield


@pytest.fixture
def session(db: None) -> SessionStore:
    person = User.objects.create_user("alice")
    store = SessionStore()
    store.begin(Session(uid="a" * 32), {}, user=person).save(force_insert=True)
    return store


def looked_at(act: Callable[[], object]) -> list[set[str]]:
    """Return the partitions that each statement about sessions of an act looks at, in the copy."""
    with CaptureQueriesContext(connection) as captured:
        act()
    found = []
    for each in captured.captured_queries:
        sql = each["sql"]
        if f'"{TABLE}"' in sql and sql.startswith(("SELECT", "UPDATE", "DELETE")):
            found.append(_parts(sql.replace(f'"{TABLE}"', f'"{COPY}"')))
    return found


def _parts(sql: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        plan = cursor.fetchone()[0]
    found: set[str] = set()
    nodes = [(plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        if node.get("Relation Name", "").startswith(COPY) and "Scan" in node["Node Type"]:
            found.add(node["Relation Name"])
    return found


def later(store: SessionStore) -> None:
    store.touch(timezone.now() + timedelta(minutes=5))


def changed(store: SessionStore) -> None:
    store["word"] = "new"
    store.save()


HOT: dict[str, Callable[[SessionStore], object]] = {
    "read": lambda store: SessionStore(store.session_key)._read_row(),
    "mark as used": later,
    "write": changed,
    "another key": lambda store: store.cycle_key(),
}
ACROSS: dict[str, Callable[[SessionStore], object]] = {
    "held while a token is issued": lambda store: hold("a" * 32),
    "end by uid": lambda store: end(StoredSession.objects.filter(uid="a" * 32)),
    "the devices page": lambda store: list(people.sessions_of(1)),
    "end by issuer and sid": lambda store: list(
        StoredSession.objects.filter(issuer="i", sid="s").values_list("uid")
    ),
    "clean-up": lambda store: SessionStore.clear_expired(),
}


@pytest.mark.parametrize("act", HOT)
def test_what_each_request_runs_looks_at_one_partition(
    act: str, parts: None, session: SessionStore
) -> None:
    if not is_postgres():
        return  # SQLite has none
    store = SessionStore(session.session_key)
    store.load()
    found = looked_at(lambda: HOT[act](store))
    assert found
    assert all(len(each) == 1 for each in found), found


@pytest.mark.parametrize("act", ACROSS)
def test_what_looks_at_all_of_them_is_known(act: str, parts: None, session: SessionStore) -> None:
    if not is_postgres():
        return
    assert len(looked_at(lambda: ACROSS[act](session))[0]) == PARTS


def test_a_column_beside_the_key_cannot_be_unique(parts: None) -> None:
    if not is_postgres():
        return
    for column in ("uid", "state_digest"):
        with (
            pytest.raises(NotSupportedError, match="must include all partitioning columns"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"ALTER TABLE {COPY} ADD UNIQUE ({column})")


def test_a_key_counts_once_in_all_partitions(parts: None, session: SessionStore) -> None:
    if not is_postgres():
        return
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {COPY} SELECT * FROM {TABLE}")
        with pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute(f"INSERT INTO {COPY} SELECT * FROM {TABLE}")
