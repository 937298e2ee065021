"""Mails of the password pages survive a restart, a dead worker and a dead mail server."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event as Word
from threading import Thread
from typing import Any

import pytest
import time_machine
from django.core import mail as sent
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import outbox
from accounts.models import Event, OutboxItem, StoredSession, User
from accounts.provider import Visit
from portal.configuration import smtp
from portal.operations.management.commands.deliver_outbox import deliver_until
from providers.local import recovery
from tests.http.passwords import DEAD_SERVER, ask, choose, link_in, opened
from tests.peers import fresh
from tests.peers.mail import Dripping, Refusing, serving
from tests.peers.no_threads import no_threads

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("house")]


def dead(settings: Any) -> None:
    settings.EMAIL_BACKEND = DEAD_SERVER


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process end before it delivers what it has posted."""
    monkeypatch.setattr(outbox, "_deliver_soon", lambda item: None)


def eventually(is_so: Callable[[], bool]) -> bool:
    """Tell whether it is so within a minute."""
    ends = time.monotonic() + 60
    while not is_so():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


def later(**more: float) -> Any:
    return timezone.now() + timedelta(**more)


def test_a_mail_for_which_there_is_no_thread_leaves_in_the_next_round(
    person: User, client: Client
) -> None:
    outbox._threads.cache_clear()  # those that rest would take it
    with no_threads():
        assert ask(client, "alice").status_code == 303
        assert sent.outbox == []
        assert outbox.deliver_due() == 1  # who is called so
        assert outbox.deliver_due() == 1  # the link
    outbox._threads.cache_clear()
    assert len(sent.outbox) == 1


@pytest.mark.usefixtures("dying")
def test_a_mail_whose_worker_died_leaves_in_the_next_round(person: User, client: Client) -> None:
    assert ask(client, "alice").status_code == 303
    assert sent.outbox == []
    assert outbox.deliver_due() == 1  # who is called so
    assert outbox.deliver_due() == 1  # the link
    assert outbox.deliver_due() == 0
    (message,) = sent.outbox
    assert message.to == ["alice@example.org"]
    assert choose(client, opened(client, link_in(message))).status_code == 303
    assert outbox.deliver_due() == 1  # the word that the password is a new one
    assert not OutboxItem.objects.exists()


@pytest.mark.usefixtures("dying")
def test_a_worker_that_dies_while_it_delivers_holds_a_mail_for_a_minute(person: User) -> None:
    recovery.post("local", person, first=False)
    assert outbox._claim(OutboxItem.objects.get())
    assert outbox.deliver_due() == 0
    with time_machine.travel(later(seconds=90)):  # as the clock of another machine may be
        assert outbox.deliver_due() == 0
    assert outbox.deliver_due(later(seconds=61)) == 1
    assert len(sent.outbox) == 1


def test_a_dead_mail_server_is_asked_again(person: User, client: Client, settings: Any) -> None:
    usual = settings.EMAIL_BACKEND
    dead(settings)
    ask(client, "alice")
    item = OutboxItem.objects.get()
    assert (item.kind, item.attempts) == ("mail", 2)
    assert outbox.deliver_due(later(minutes=5)) == 0
    assert OutboxItem.objects.get().attempts == 3
    settings.EMAIL_BACKEND = usual
    assert outbox.deliver_due(later(minutes=10)) == 1
    assert len(sent.outbox) == 1
    assert Event.objects.get(name="password.link-sent").user == person


@pytest.mark.usefixtures("dying")
def test_a_mail_server_that_drips_stops_nothing_else(
    person: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deliverer leaves it, ends what is over, and ends itself when it is told to."""
    monkeypatch.setattr(smtp, "SECONDS", 0.4)
    usual = settings.EMAIL_BACKEND
    recovery.post("local", person, first=False)
    with serving(Dripping) as named:
        for name, value in named.items():
            setattr(settings, name, value)
        stop = Word()
        worker = Thread(target=deliver_until, args=(stop, 0.05), daemon=True)
        worker.start()
        under_way = OutboxItem.objects.filter(next_at__gt=later(seconds=40))
        assert eventually(under_way.exists)
        over = StoredSession.objects.create(session_key="a" * 64, expire_date=later(seconds=-1))
        assert eventually(lambda: not StoredSession.objects.filter(pk=over.pk).exists())
        stop.set()
        worker.join(60)
        assert not worker.is_alive()
    assert OutboxItem.objects.get().attempts == 2
    settings.EMAIL_BACKEND = usual
    assert outbox.deliver_due(later(minutes=5)) == 1


@pytest.fixture
def refusing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[bytes, bytes]]:
    """Serve mail, and refuse what stands here, by the answer that stands beside it."""
    refused: dict[bytes, bytes] = {}
    monkeypatch.setattr(Refusing, "refused", refused)
    monkeypatch.setattr(Refusing, "taken_for", [])
    with serving(Refusing) as named:
        for name, value in named.items():
            setattr(settings, name, value)
        yield refused


@pytest.mark.usefixtures("dying")
@pytest.mark.parametrize("code", [b"550 5.1.1", b"450 4.2.0", b"552"])
def test_an_address_that_is_refused_stops_no_mail_to_another(
    person: User, refusing: dict[bytes, bytes], code: bytes
) -> None:
    """As when hundreds are mailed a link, and some of them have an address of last year."""
    refusing |= {b"rcpt TO:<gone": code + b" <gone1@example.org>: not here"}
    people = [
        User.objects.create(username=f"{word}{number}", email=f"{word}{number}@example.org")
        for word in ("gone", "here")
        for number in range(3)
    ]
    for each in people:
        recovery.post("local", each, first=True)
    assert outbox.deliver_due() == 3
    assert OutboxItem.objects.filter(attempts=2).count() == 3
    outbox.deliver_due(later(hours=25))
    given_up = Event.objects.filter(name="mail.given_up")
    assert {each.user for each in given_up} == set(people[:3]), "one sees whose mail it was"
    told = f"The mail server refuses the address ({code.decode()})."
    assert {each.detail for each in given_up} == {told}


@pytest.mark.usefixtures("dying")
@pytest.mark.parametrize(
    ("where", "answer", "told"),
    [
        (b"mail FROM", b"553 5.7.1 not yours", "refuses the sender (553 5.7.1)."),
        (b"/login/reset/", b"554 5.7.0 spam: /login/reset/", "refuses the mail (554 5.7.0)."),
        (b"rcpt TO", b"421 4.3.2 too busy", "refuses the address (421 4.3.2)."),
        (b"/login/reset/", b"451 later", "refuses the mail (451)."),
    ],
)
def test_the_log_says_why_a_mail_waits_and_repeats_nothing_of_it(
    person: User, refusing: dict[bytes, bytes], where: bytes, answer: bytes, told: str, caplog: Any
) -> None:
    refusing |= {where: answer}
    recovery.post("local", person, first=False)
    assert outbox.deliver_due() == 0
    (line,) = [each for each in caplog.records if "outbox.not_delivered" in str(each.msg)]
    assert told in str(line.msg)
    assert "/login/reset/" not in str(line.msg)
    refusing.clear()
    assert outbox.deliver_due(later(minutes=5)) == 1


@pytest.mark.usefixtures("dying")
def test_a_mail_waits_for_the_key_that_has_sealed_it(person: User, settings: Any) -> None:
    """While keys are turned, a worker may have the new one before the deliverer."""
    former = settings.VESTIBULE_VAULT_KEYS
    settings.VESTIBULE_VAULT_KEYS = (b64encode(bytes(32)).decode(), *former)
    recovery.post("local", person, first=False)
    settings.VESTIBULE_VAULT_KEYS = former
    assert outbox.deliver_due() == 0
    assert OutboxItem.objects.get().attempts == 2
    settings.VESTIBULE_VAULT_KEYS = (*former, b64encode(bytes(32)).decode())
    assert outbox.deliver_due(later(minutes=5)) == 1
    assert len(sent.outbox) == 1


@pytest.mark.usefixtures("dying")
def test_a_mail_that_is_damaged_is_given_up_at_once(person: User) -> None:
    recovery.post("local", person, first=False)
    damaged = OutboxItem.objects.get().sealed[:-4]
    OutboxItem.objects.update(sealed=damaged)
    assert outbox.deliver_due() == 0
    assert not OutboxItem.objects.exists()
    assert Event.objects.filter(name="mail.given_up", source="local").count() == 1


def test_a_mail_is_given_up_after_a_day(person: User, settings: Any) -> None:
    dead(settings)
    recovery.ask("local", "alice", Visit())
    fresh.delivered()
    outbox.deliver_due(later(hours=25))
    outbox.deliver_due(later(hours=25))
    assert not OutboxItem.objects.exists()
    assert Event.objects.filter(name="mail.given_up", source="local").count() == 1
    assert not Event.objects.filter(name="password.link-sent").exists()


@pytest.mark.usefixtures("dying")
def test_a_row_shows_neither_who_asked_nor_for_whom(person: User, client: Client) -> None:
    ask(client, "alice")
    shown = str(OutboxItem.objects.values())
    outbox.deliver_due()
    shown += str(OutboxItem.objects.values())
    assert "alice" not in shown
    assert person.uid not in shown
    assert "127.0.0.1" not in shown


@pytest.mark.usefixtures("dying")
def test_asking_costs_the_same_rows_for_nobody(person: User, client: Client) -> None:
    for name, rows in (("alice", 1), ("nobody", 2)):
        ask(client, name)
        assert OutboxItem.objects.count() == rows


@pytest.mark.usefixtures("dying")
def test_who_is_shut_out_meanwhile_gets_no_link(person: User) -> None:
    recovery.post("local", person, first=False)
    User.objects.filter(pk=person.pk).update(status=User.Status.DISABLED)
    assert outbox.deliver_due() == 1
    assert sent.outbox == []


class SlowServer(BaseEmailBackend):
    """A mail server that takes fifty seconds for each; at the second another deliverer looks."""

    clock: Any = None
    begun = 0

    def send_messages(self, email_messages: Any) -> int:
        type(self).begun += 1
        self.clock.shift(timedelta(seconds=50))
        if self.begun == 2:
            outbox.deliver_due()
        sent.outbox.extend(email_messages)
        return len(email_messages)


@pytest.mark.usefixtures("dying")
def test_an_item_is_held_from_its_own_beginning_and_not_from_that_of_the_round(
    person: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        recovery.post("local", person, first=False)
    settings.EMAIL_BACKEND = f"{__name__}.SlowServer"
    with time_machine.travel(timezone.now(), tick=True) as clock:
        monkeypatch.setattr(SlowServer, "clock", clock)
        monkeypatch.setattr(SlowServer, "begun", 0)
        assert outbox.deliver_due() == 2
    assert len(sent.outbox) == 2


@pytest.mark.usefixtures("dying")
def test_of_many_workers_one_sends_a_mail(person: User) -> None:
    recovery.post("local", person, first=False)
    now = later(seconds=1)

    def deliver(_number: int) -> int:
        try:
            return outbox.deliver_due(now)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(deliver, range(8))) == 1
    assert len(sent.outbox) == 1
