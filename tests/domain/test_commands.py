"""docs/contract.md 7: clear_expired and deliver_outbox."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.apps import AppConfig, apps
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from accounts import ended, outbox
from accounts.models import EndedEntry, Event, OutboxItem, Source, StoredSession
from accounts.provider import TokenSet
from accounts.source import catalogue
from portal.operations.management.commands import deliver_outbox
from tests.peers.commands import manage
from tests.peers.site import ROOT, environment
from tests.peers.upstream import Upstream, upstream

CALLED: list[str] = []


def clear_the_attic() -> None:
    CALLED.append("attic")


@pytest.fixture
def pending(db: None) -> Iterator[Upstream]:
    """A logout that the upstream has not heard of, due now."""
    with upstream() as peer:
        given = {"upstream": peer.url, "leaves_by": "call"}
        catalogue.save(Source(slug="town", provider="tenant", settings=given))
        outbox.post_logout("town", TokenSet(id_token="a-hint-of-bob"), "BCDF-2345")
        OutboxItem.objects.update(next_at=timezone.now())
        yield peer


def session(key: str, hours: int) -> StoredSession:
    end = timezone.now() + timedelta(hours=hours)
    return StoredSession.objects.create(session_key=key * 64, expire_date=end)


@pytest.mark.django_db
def test_what_is_over_goes_and_what_is_not_stays() -> None:
    session("a", -1)
    alive = session("b", 1)
    old, young = timezone.now() - timedelta(days=181), timezone.now() - timedelta(days=179)
    for moment in (old, young):
        Event.objects.create(at=moment, last_at=moment, name="login.succeeded")
    ended.announce("session", ["gone-long-ago", "just-gone"])
    EndedEntry.objects.filter(value="gone-long-ago").update(at=timezone.now() - timedelta(hours=1))
    call_command("clear_expired")
    assert list(StoredSession.objects.all()) == [alive]
    assert [event.at for event in Event.objects.all()] == [young]
    assert list(EndedEntry.objects.values_list("value", flat=True)) == ["just-gone"]


@pytest.mark.django_db
def test_each_room_offers_its_own_part(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLED.clear()
    room: AppConfig = apps.get_app_config("api")
    own = f"{__name__}.clear_the_attic"
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(room, "clear_expired", own, raising=False)
    out = StringIO()
    call_command("clear_expired", verbosity=2, stdout=out)
    assert CALLED == ["attic"]
    assert own in out.getvalue().split()


@pytest.mark.parametrize("command", ["clear_expired", "migrate", "sources check", "letmein ada"])
def test_without_a_database_nothing_is_done_and_a_sentence_says_why(
    tmp_path: Path, command: str
) -> None:
    settings = {"DATABASE_URL": "sqlite:////nowhere/site.sqlite3", "VESTIBULE_DATA": str(tmp_path)}
    done = manage(command.split(), environment(settings))
    assert done.returncode == 1
    why = "unable to open database file"
    assert done.stderr == f"CommandError: The database does not answer: {why}.\n"


def test_whoever_wants_the_traceback_gets_it(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": "sqlite:////nowhere/site.sqlite3", "VESTIBULE_DATA": str(tmp_path)}
    done = manage(["migrate", "--traceback"], environment(settings))
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_pending_logouts_are_delivered_once(pending: Upstream) -> None:
    out = StringIO()
    call_command("deliver_outbox", stdout=out)
    assert "1" in out.getvalue()
    assert not OutboxItem.objects.exists()
    assert Event.objects.filter(name="logout.delivered").count() == 1
    call_command("deliver_outbox", stdout=out)
    assert Event.objects.filter(name="logout.delivered").count() == 1


def test_delivery_survives_trouble_with_the_database(
    pending: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[str] = []
    trouble = ExitStack()

    def unwell(*_: object) -> None:
        rounds.append("trouble")
        raise OperationalError("the server closed the connection")

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            trouble.close()
            if rounds.count("waited"):
                self.set()
            rounds.append("waited")
            return self.is_set()

    # The loop closes connections between its rounds; a test keeps its one transaction.
    monkeypatch.setattr(deliver_outbox, "close_old_connections", lambda: None)
    monkeypatch.setattr(deliver_outbox.connections, "close_all", lambda: None)
    with trouble:
        trouble.enter_context(connection.execute_wrapper(unwell))
        deliver_outbox.deliver_until(Stop())
    assert rounds == ["trouble", "waited", "waited"]
    assert not OutboxItem.objects.exists()


@pytest.mark.parametrize("every", ["0", "-1", "nan", "inf"])
def test_a_pause_that_is_none_is_refused(every: str) -> None:
    with pytest.raises(CommandError, match=r"--every is a number from 0\.1 to 86400\."):
        call_command("deliver_outbox", "--forever", f"--every={every}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_forever_ends_quietly_at_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """Without its tables, too: the database may be in trouble for as long as it likes."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "deliver_outbox", "--forever"],
        cwd=ROOT,
        env=environment({"VESTIBULE_DATA": str(tmp_path)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "outbox.database_unavailable" in said
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (0, "", "")
