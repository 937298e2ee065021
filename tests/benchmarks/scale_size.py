"""One size of `make bench ARGS=scale`: a database of its own, and what operations cost there.

    python -m tests.benchmarks.scale_size SIZE NUMBER

Says `= label` when an operation can be measured. At each line `go` on standard input it answers
with the CPU of this process and of its PostgreSQL backend, in microseconds; another line leads to
the next. NUMBER is that of its database in Redis.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.processes import cpu_seconds_of, resident_mib
from tests.peers.database import fresh_database

SLUG, PASSWORD = "many", "bench-password-of-some-length"
ENDINGS, CROWD, OVER = 30_000, 2_000, 1_000
# Returns what was spent, in seconds of CPU; for what is not one, the figure itself.
Measure = Callable[[], float]


def main(size: int, redis: int) -> None:
    """Fill a database, and measure when told. `redis` is the number of its database in Redis."""
    with (
        tempfile.TemporaryDirectory() as data,
        fresh_database(os.environ.get("DATABASE_URL", "")) as own,
    ):
        os.environ |= {"VESTIBULE_DATA": data, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        os.environ |= {f"VESTIBULE_DATABASE_{name}": "0" for name in ("STATEMENT", "LOCK", "WAIT")}
        os.environ["VESTIBULE_EVENTS_MOST"] = str(100 * size)
        if own:
            os.environ["DATABASE_URL"] = own
        if url := os.environ.get("REDIS_URL"):
            os.environ["REDIS_URL"] = urlsplit(url)._replace(path=f"/{redis}").geturl()
        import django
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        django.setup()
        call_command("migrate", verbosity=0)
        setup_test_environment()
        _serve(size)


def _serve(size: int) -> None:
    from django.db import connection

    source = _furnished()
    _fill(source, 0, size)
    if connection.vendor == "postgresql":
        _say_sizes()
    for label, each, measure in _operations(source, size):
        _say(f"= {label}")
        while sys.stdin.readline().strip() == "go":
            _say(str(statistics.median(measure() for _ in range(each)) * 1e6))
    _say_size_in_cache()
    _say("=")


def _say(line: str) -> None:
    print(line, flush=True)


def _furnished() -> Any:
    """Make the source, and an administrator."""
    from accounts.models import Source, User
    from accounts.source import catalogue

    row = Source(slug=SLUG, provider="tenant", label="Many")
    row.settings = {"upstream": "http://127.0.0.1:9"}
    catalogue.save(row)
    User.objects.create_superuser("bench", PASSWORD)
    return row


def _spent(operation: Callable[[], object]) -> Measure:
    """Return how an operation is measured. It is done once before."""
    operation()

    def measure() -> float:
        before = _cpu()
        operation()
        return _cpu() - before

    return measure


def _cpu() -> float:
    from django.db import connection

    own = time.process_time()
    if connection.vendor != "postgresql" or connection.connection is None:
        return own
    return own + cpu_seconds_of(connection.connection.info.backend_pid)


# --- What is measured -----------------------------------------------------------------------------

_fresh = count(1)


def _operations(source: Any, size: int) -> Iterator[tuple[str, int, Measure]]:
    """Yield what is measured, and how often at a time."""
    yield from _sessions(source, size)
    yield from _pages(size)
    yield from _upkeep(size)
    yield "resident memory", 1, lambda: resident_mib(os.getpid()) / 1e6


def _sessions(source: Any, size: int) -> Iterator[tuple[str, int, Measure]]:
    from accounts import cache
    from accounts.login import sign_in
    from accounts.provider import Authentication, Ended, Visit
    from accounts.session import afar, people
    from accounts.session.store import SessionStore
    from accounts.session.typed import Session
    from accounts.source import catalogue
    from tests.peers import many

    configured: Any = catalogue.find(SLUG)
    visit = Visit("192.0.2.1", "Mozilla/5.0")

    def enter(number: int, sid: str = "") -> SessionStore:
        outcome = Authentication(many.subject_of(number), many.ISSUER, sid=sid)
        return sign_in.sign_in(configured, outcome, None, Session(), visit).store

    step = max(1, size // 997)
    known = _spent(lambda: enter(next(_fresh) * step % size))
    yield "sign-in of somebody known", 30, known
    key = str(enter(5 % size).session_key)
    yield "check: from the cache", 60, _spent(lambda: SessionStore(key).typed.is_logged_in)

    def from_row() -> bool:
        store = SessionStore(key)
        cache.sessions.delete(store.key_digest)
        return store.typed.is_logged_in

    yield "check: from the row", 60, _spent(from_row)

    def end_by_sid() -> int:
        told = Ended(many.ISSUER, "jti", sid=many.sid_of(next(_fresh) * step % size))
        return afar._end_with_children(configured, told)

    yield "end by (issuer, sid)", 15, _spent(end_by_sid)

    def crowd() -> float:
        begun = 10_000_000 + next(_fresh) * CROWD
        person = many.FIRST_KEY + next(_fresh) * step % size
        many.crowd(person, SLUG, begun, begun + CROWD)
        before = _cpu()
        people.end_all(person, "bench")
        return (_cpu() - before) / CROWD

    yield f"end all {CROWD:,} of one person, for each", 1, crowd


def _pages(size: int) -> Iterator[tuple[str, int, Measure]]:
    from django.test import Client

    from accounts.models import Event
    from tests.peers import many

    admin = Client()
    admin.post("/auth/login/local", {"username": "bench", "password": PASSWORD})
    at = size // 2
    code = Event.objects.filter(session_uid=many.uid_of(at)).values_list("support_code", flat=True)
    sessions, events = "/admin/accounts/storedsession/", "/admin/accounts/event/"
    name = many.username_of(at)
    people, ways = "/admin/accounts/user/", "/admin/accounts/identity/"
    for label, path in (
        ("administration: first page", "/admin/"),
        ("sessions: list", sessions),
        ("sessions: page 15", f"{sessions}?p=15"),
        ("sessions: of one source", f"{sessions}?source={SLUG}"),
        ("sessions: by the beginning of an id", f"{sessions}?q={many.uid_of(at)[:12]}"),
        ("sessions: of a person by name", f"{sessions}?q={name}"),
        ("people: list", people),
        ("people: by a part of the name", f"{people}?q={name}"),
        ("people: by the whole address", f"{people}?q={name}@many.example"),
        ("people: by a part that everybody has", f"{people}?q=many.example"),
        ("people: by subject", f"{people}?q={many.subject_of(at)}"),
        ("ways in: list", ways),
        ("ways in: by subject", f"{ways}?q={many.subject_of(at)}"),
        ("events: list", events),
        ("events: page 15", f"{events}?p=15"),
        ("events: of one kind", f"{events}?name=logout"),
        ("events: of one reason", f"{events}?reason=disabled"),
        ("events: by support code", f"{events}?q={code[0]}"),
        ("events: of a person by name", f"{events}?q={name}"),
        ("events: by address", f"{events}?q=192.0.2.7"),
        ("person: page", f"/admin/accounts/user/{many.FIRST_KEY + at}/person/"),
    ):
        yield label, 1, _spent(partial(_page, admin, path))


def _page(admin: Any, path: str) -> None:
    answer = admin.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")


def _upkeep(size: int) -> Iterator[tuple[str, int, Measure]]:
    from types import SimpleNamespace

    from django.core.management import call_command

    from accounts import ended
    from accounts.models import EndedEntry, User
    from accounts.session import following
    from accounts.session.store import SessionStore
    from tests.peers import many

    asked: Any = SimpleNamespace(slug=SLUG, description=SimpleNamespace(issuer=many.ISSUER))
    batch = _spent(lambda: next(following._batches(asked)))
    yield "a hundred people to ask a source about", 3, batch
    for begun in range(0, ENDINGS, 1000):
        ended.announce("session", [f"{size}-{n}" for n in range(begun, begun + 1000)])
    new = _spent(lambda: ended.Feed().refreshed())
    yield f"feed: {ENDINGS:,} endings read by a new worker", 1, new
    feed = ended.Feed().refreshed()

    def again() -> None:
        feed.expire()
        feed.refreshed()

    yield f"feed: read again, {ENDINGS:,} known", 7, _spent(again)
    EndedEntry.objects.all().delete()
    person = User.objects.get(username="bench").pk

    def clear() -> float:
        begun = 10_000_000 + next(_fresh) * CROWD
        many.crowd(person, SLUG, begun, begun + OVER, expires="10")
        before = _cpu()
        SessionStore.clear_expired()
        return (_cpu() - before) / OVER

    yield f"clean-up of {OVER:,} sessions, for each", 1, clear
    nothing = _spent(lambda: call_command("clear_expired", verbosity=0))
    yield "clean-up when nothing is over", 1, nothing


# --- Rows -----------------------------------------------------------------------------------------


def _fill(source: Any, first: int, last: int) -> None:
    from tests.peers import many

    with _without_indexes():
        for begun in range(first, last, 100_000):
            many.fill(source.pk, source.slug, begun, min(begun + 100_000, last))
    many.settle()


@contextmanager
def _without_indexes() -> Iterator[None]:
    """Take PostgreSQL's indexes away while rows are made, and build them again, which is faster.
    References are not checked meanwhile.
    """
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN "
            "('accounts_user', 'accounts_identity', 'accounts_storedsession', 'accounts_event') "
            "AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        )
        found = cursor.fetchall()
        cursor.execute("SET session_replication_role = replica")
        for name, _definition in found:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _name, definition in found:
            cursor.execute(definition)


def _say_sizes() -> None:
    """Say what a row takes, with its indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in ("user", "identity", "storedsession", "event"):
            cursor.execute(
                "SELECT pg_table_size(%s), pg_indexes_size(%s), count(*) FROM accounts_" + table,
                [f"accounts_{table}"] * 2,
            )
            heap, indexes, rows = cursor.fetchone()
            said = f"{heap / rows:,.0f} + {indexes / rows:,.0f} for indexes"
            _say(f"# bytes of a row of accounts_{table:<27} {said}")


def _say_size_in_cache() -> None:
    """Say what an entry of the cache takes."""
    from django.core.cache import caches

    client: Any = getattr(caches["sessions"], "client", None)
    if client is not None:
        redis = client.get_client()
        keys = list(redis.scan_iter(match="*", count=1000))[:1000]
        used = [redis.memory_usage(key) for key in keys]
        if used:
            _say(f"# bytes of a cached session, median: {statistics.median(used):,.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
