"""The ended feed: no entry is lost, whoever's clock or connection fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import cache, ended
from accounts.models import EndedEntry
from tests.peers.dead_cache import dead_cache

pytestmark = pytest.mark.django_db


class Clock:
    """The monotonic clock of a worker, which moves when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(ended, "time", moved)
    return moved


@pytest.fixture
def worker(clock: Clock) -> Callable[[str], bool]:
    """Ask a worker, a second after it was asked last, whether a session has ended."""
    feed = ended.Feed()

    def knows(uid: str) -> bool:
        clock.now += 1
        return ("session", uid) in feed.refreshed().entries

    knows.feed = feed  # type: ignore[attr-defined]
    return knows


INSERT = "INSERT INTO accounts_endedentry (id, kind, value, at) VALUES (%s, %s, %s, %s)"


def refuse(*_: Any) -> Any:
    raise OperationalError("the server has gone away")


def test_what_ended_while_the_feed_could_not_be_read_is_known_after(
    worker: Any,
) -> None:
    assert not worker("a")
    ended.announce("session", ["a"])
    for _second in range(40):
        with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
            worker("a")
    assert worker("a")


def test_copies_count_soon_for_who_begins_and_later_where_the_database_is_another(
    worker: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache.sessions, "database", "")
    worker("a")
    assert worker.feed.is_settled is (connection.vendor != "postgresql")
    clock.now += 1
    assert worker.feed.is_settled
    monkeypatch.setattr(cache.sessions, "database", "a former one")
    worker("a")
    clock.now += 4
    assert not worker.feed.is_settled
    clock.now += 2
    assert worker.feed.is_settled


def test_a_writer_whose_clock_is_behind_is_heard(worker: Any) -> None:
    assert not worker("a")
    EndedEntry.objects.create(kind="session", value="a", at=timezone.now() - timedelta(hours=1))
    assert worker("a")


def test_a_smaller_id_that_commits_later_is_heard(worker: Any) -> None:
    EndedEntry.objects.create(id=5000, kind="session", value="a")
    assert worker("a")
    EndedEntry.objects.create(id=5003, kind="session", value="b")
    assert worker("b")
    for number, uid in ((5002, "c"), (5001, "d"), (4999, "e")):
        EndedEntry.objects.create(id=number, kind="session", value=uid)
        assert worker(uid)
    assert worker("a")


def test_a_new_worker_knows_what_ended_before_it_began(worker: Any) -> None:
    ended.announce("session", ["a"])
    assert worker("a")


def test_a_mass_ending_is_read_once(worker: Any) -> None:
    ended.announce("session", (f"s{number}" for number in range(2000)))
    assert worker("s1999")
    newest = EndedEntry.objects.latest("id").pk
    assert [row for rows in worker.feed._unread() for row, *_rest in rows] == [newest]


def test_what_is_committed_between_the_two_steps_of_a_mass_ending_is_heard(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended, "_AT_FIRST", 2)
    EndedEntry.objects.create(id=5000, kind="session", value="a")
    assert worker("a")
    for number in range(10):
        EndedEntry.objects.create(id=5002 + 2 * number, kind="session", value=f"s{number}")
    steps = []

    def commits(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if len(steps) == 2:  # the gaps, then the first rows
            with connection.cursor() as cursor:
                for number, uid in ((5001, "late"), (5019, "early"), (5021, "new")):
                    row = [number, "session", uid, timezone.now()]
                    cursor.cursor.execute(INSERT, row)
        steps.append(params)
        return execute(sql, params, *rest)

    with connection.execute_wrapper(commits):
        assert worker("s9")
    assert len(steps) == 3
    entries = worker.feed.entries
    assert {("session", uid) in entries for uid in ("s0", "s8", "early", "new")} == {True}
    assert ("session", "late") not in entries
    assert worker("late")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one plan for it")
@pytest.mark.parametrize("looked_at", [False, True])
def test_a_table_that_was_not_looked_at_since_a_mass_ending_is_not_read_whole(
    worker: Any, looked_at: bool
) -> None:
    """Autovacuum looks once a minute, and never at a temporary table, which stands in its place."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE accounts_endedentry (LIKE accounts_endedentry INCLUDING ALL) "
            "ON COMMIT DROP"
        )
        if looked_at:
            cursor.execute("ANALYZE accounts_endedentry")  # while it is empty
        cursor.execute(
            "INSERT INTO accounts_endedentry (kind, value, at) "
            "SELECT 'session', md5(n::text), now() FROM generate_series(1, 30000) AS s(n)"
        )
    assert not worker("a")
    assert len(worker.feed.entries) == 30_000
    with CaptureQueriesContext(connection) as captured:
        worker("a")
    assert captured.captured_queries
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            cursor.execute("EXPLAIN " + query["sql"])
            assert "Seq Scan" not in (plan := str(cursor.fetchall())), plan


def test_a_gap_is_given_up_in_the_end(worker: Any, clock: Clock) -> None:
    EndedEntry.objects.create(id=5000, kind="session", value="a")
    assert worker("a")
    clock.now += ended.LATEST_COMMIT
    assert worker("a")
    assert not worker.feed._gaps


def test_what_nobody_needs_any_more_is_deleted(worker: Any) -> None:
    EndedEntry.objects.create(kind="session", value="a", at=timezone.now() - timedelta(hours=1))
    ended.announce("session", ["b"])
    assert ended.clear_expired() == 1
    assert worker("b")


def long_ago() -> None:
    """Have all that is in the feed be older than anybody needs, and deleted."""
    EndedEntry.objects.update(at=timezone.now() - timedelta(hours=1))
    ended.clear_expired()


def test_a_change_that_was_deleted_before_a_worker_looked_counts(worker: Any) -> None:
    """As in a quiet night, or on a machine that was cut off from the database meanwhile."""
    ended.announce("session", ["a"])
    assert worker("a")
    noted = worker.feed.moment
    for kind, value in (("source", "local"), ("person", "7"), ("session", "b")):
        ended.announce(kind, [value])
    long_ago()
    worker("a")
    assert not worker.feed.stands(noted, ())
    assert worker.feed.heard_at(("person", "7")) > noted[1]
    after = worker.feed.moment
    ended.announce("session", ["c"])
    assert worker("c")
    assert worker.feed.stands(after, ()), "the copies are made anew once"


def test_the_first_changes_of_all_may_be_deleted_before_a_worker_looked(
    worker: Any, clock: Clock
) -> None:
    assert not worker("a")
    noted = worker.feed.moment
    ended.announce("source", ["local"])
    ended.announce("session", ["b"])
    long_ago()
    clock.now += 3600
    worker("a")
    assert not worker.feed.stands(noted, ())


def test_a_clean_up_costs_nobody_a_copy_where_nothing_happened(worker: Any) -> None:
    ended.announce("source", ["local"])
    ended.announce("session", ["a"])
    assert worker("a")
    noted = worker.feed.moment
    for _night in range(3):
        long_ago()
        worker("a")
    assert worker.feed.stands(noted, ())
    assert EndedEntry.objects.count() == 1


def test_a_database_of_before_is_heard(worker: Any) -> None:
    """Another server took over that had not got the last commits, and gives their ids once more."""
    EndedEntry.objects.create(id=5000, kind="session", value="a")
    assert worker("a")
    noted = worker.feed.moment
    for number, uid in ((5001, "b"), (5002, "c")):
        EndedEntry.objects.create(id=number, kind="session", value=uid)
    assert worker("c")
    EndedEntry.objects.filter(id__gt=5000).delete()
    EndedEntry.objects.create(id=5001, kind="source", value="local")
    EndedEntry.objects.create(id=5002, kind="session", value="d")
    assert worker("d")
    assert not worker.feed.stands(noted, ())


def test_what_nobody_needs_any_more_is_forgotten(worker: Any, clock: Clock) -> None:
    assert not worker("a")
    ended.announce("person", ["a"])
    ended.announce("session", ["b"])
    assert worker("b")
    clock.now += ended.REMEMBER.total_seconds() - 5
    ended.announce("person", ["a"])
    assert worker("b")
    clock.now += 10
    assert not worker("b")
    assert ("person", "a") in worker.feed.entries
    assert len(worker.feed._heard) == 1


# --- The mark in the cache ------------------------------------------------------------------------


@pytest.fixture
def told(settings: Any, django_capture_on_commit_callbacks: Any) -> Callable[[str], None]:
    """Announce an ending as one transaction does that has committed."""
    settings.VESTIBULE_FEED_MARK = True

    def tell(uid: str) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            ended.announce("session", [uid])

    return tell


def asks(worker: Any, uid: str = "a") -> int:
    """Return how many statements it takes to know whether a session has ended."""
    with CaptureQueriesContext(connection) as captured:
        worker(uid)
    return len(captured)


@pytest.mark.remembers
def test_the_table_is_asked_when_the_mark_has_moved(worker: Any, told: Any) -> None:
    assert not worker("a")
    assert not worker("a")
    assert asks(worker) == 0
    told("a")
    assert worker("a")
    assert asks(worker) == 0


@pytest.mark.remembers
def test_a_mark_that_is_lost_says_nothing(worker: Any, told: Any) -> None:
    worker("a")
    worker("a")
    cache.shared.delete(ended._MARK)
    assert asks(worker) > 0
    told("a")
    cache.shared.delete(ended._MARK)
    assert worker("a")


@pytest.mark.remembers
def test_an_ending_that_moved_no_mark_is_heard_in_five_seconds(worker: Any, told: Any) -> None:
    worker("a")
    worker("a")
    EndedEntry.objects.create(kind="session", value="a")
    heard = [worker("a") for _second in range(6)]
    assert heard[-1]


def test_without_a_cache_the_table_is_asked_each_time(worker: Any, told: Any) -> None:
    with dead_cache():
        for _second in range(3):
            assert asks(worker) > 0
        told("a")
        assert worker("a")


@pytest.mark.remembers
def test_without_the_setting_no_mark_is_asked(worker: Any) -> None:
    for _second in range(3):
        assert asks(worker) > 0
    assert cache.shared.get(ended._MARK) is None
