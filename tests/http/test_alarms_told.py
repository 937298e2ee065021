"""Alarms end when something was found well, and that word reaches somebody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from accounts.models import Source
from accounts.source import catalogue
from portal.configuration import smtp
from portal.operations import alarms
from portal.operations.alarms import Alarm
from portal.operations.doctor import delivery
from tests.http.test_alarms import certificate, fail, look, mend, noted, told, town
from tests.http.test_doctor import listening
from tests.peers.mail import Dripping, serving
from tests.peers.upstream import Upstream

__all__ = ["town"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.remembers]


class Hook:
    """A webhook that answers by `status`, and keeps what it was sent and has taken."""

    def __init__(self) -> None:
        self.status = 204
        self.sent: list[Any] = []
        self.taken: list[tuple[str, str]] = []
        self.meanwhile: Callable[[], None] | None = None  # once, before it answers


@pytest.fixture
def hook() -> Iterator[Hook]:
    own = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            own.sent.append(said)
            if own.status == 204:
                own.taken.append((said["alarm"], said["state"]))
            meanwhile, own.meanwhile = own.meanwhile, None
            if meanwhile:
                meanwhile()
                connections.close_all()
            self.send_response_only(own.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    url = "http://127.0.0.1:{}/hook"
    with (
        listening(Handler) as (port, _),
        told(VESTIBULE_ALARM_MAIL=[], VESTIBULE_ALARM_WEBHOOK=url.format(port)),
    ):
        yield own


@contextmanager
def machine(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: name)
        yield


def hourly() -> list[str]:
    """Look as an hour later. Returns the subjects of the mails of this look."""
    alarms.forget()
    before = len(mail.outbox)
    alarms.look()
    return [each.subject for each in mail.outbox[before:]]


def of_the_doctor(file: Path) -> None:
    settings = {"upstream": "http://127.0.0.1:1", "home": str(file)}
    catalogue.save(Source(slug="work", provider="tenant", settings=settings))


def test_each_machine_has_files_and_a_disk_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path / "ca.pem", 13)
    of_the_doctor(file)
    with told():
        with machine("one", monkeypatch):
            assert "Vestibule: Not well: files (one)" in hourly()
        certificate(file, 300)
        with machine("two", monkeypatch):
            assert not [each for each in hourly() if "files" in each], "it says nothing of one"
        with machine("one", monkeypatch):
            assert "Vestibule: Well again: files (one)" in hourly()


def test_what_could_not_be_looked_at_is_not_well(tmp_path: Path) -> None:
    """The site answers nobody: whether its certificate was renewed is not known."""
    Alarm.objects.create(key="certificate", text="ends in 3 days", told_at=timezone.now())
    settings = {"VESTIBULE_SITE_URL": "https://127.0.0.1:1"}
    with told(), override_settings(**settings):
        assert not [each for each in hourly() if "certificate" in each]
    assert Alarm.objects.filter(key="certificate", over="").exists()


@pytest.mark.parametrize("content", [None, b"-----BEGIN CERTIFICATE-----\nhalf of one"])
def test_a_certificate_that_can_be_read_no_more_is_not_well(
    tmp_path: Path, content: bytes | None
) -> None:
    file, other = certificate(tmp_path / "ca.pem", 13), certificate(tmp_path / "other.pem", 300)
    of_the_doctor(file)
    settings = {"upstream": "http://127.0.0.1:1", "home": str(other)}
    catalogue.save(Source(slug="other", provider="tenant", settings=settings))
    with told():
        assert [each for each in hourly() if "Not well: files" in each]
        file.unlink()
        if content:
            file.write_bytes(content)
        assert not [each for each in hourly() if "files" in each]
        certificate(file, 300)
        assert [each for each in hourly() if "Well again: files" in each]


def test_a_source_that_is_switched_off_is_not_called_well(town: Upstream) -> None:
    with told():
        fail()
        look()
        Source.objects.filter(slug="town").update(enabled=False)
        assert look() == ["Vestibule: No longer looked at: town"]
        assert look() == []


def test_a_machine_that_looks_no_more_is_told_of_once() -> None:
    long_ago = timezone.now() - timedelta(days=2)
    Alarm.objects.create(key="disk@gone", text="full", told_at=long_ago, seen_at=long_ago)
    Alarm.objects.create(key="keys@gone", text="old", seen_at=long_ago, since=long_ago)
    with told():
        assert look() == ["Vestibule: No longer looked at: disk (gone)"]
    assert not Alarm.objects.exists()


class Signing(BaseHTTPRequestHandler):
    """A mail server that asks for a password."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            hello = line[:4].upper() == b"EHLO"
            self.wfile.write(b"250-here\r\n250 AUTH PLAIN\r\n" if hello else b"250 yes\r\n")


@pytest.mark.once
@pytest.mark.parametrize("password", ["rødgrød", ""])
def test_a_mail_that_cannot_be_sent_leaves_the_webhook(hook: Hook, password: str) -> None:
    """A password that no server takes, and an address that is none."""
    named = ["ops@example.org" if password else "ops@example.org; it@example.org"]
    smtp = {"EMAIL_BACKEND": "portal.configuration.smtp.EmailBackend"}
    login = {"EMAIL_HOST_USER": "vestibule", "EMAIL_HOST_PASSWORD": password}
    with listening(Signing) as (port, _):
        server = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port, **smtp, **login}
        with told(VESTIBULE_ALARM_MAIL=named, **server):
            noted({"disk@here": "full", "keys@here": "old"})
            assert [each.ok for each in delivery.mail(None)] == [not password]
    assert {*hook.taken} == {("disk@here", "failing"), ("keys@here", "failing")}


@pytest.mark.once
def test_a_mail_server_that_drips_keeps_neither_the_webhook_nor_the_doctor(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "SECONDS", 0.4)
    sending: list[int] = []
    hook.meanwhile = lambda: sending.append(Dripping.calls)
    with serving(Dripping) as named, told(VESTIBULE_ALARM_MAIL=["ops@example.org"], **named):
        before = Dripping.calls
        noted({"disk@here": "full"})
        assert [each.ok for each in delivery.mail(None)] == [False]
        assert Dripping.calls == before + 2
    assert sending == [before], "the webhook comes first"
    assert hook.taken == [("disk@here", "failing")]


def test_that_all_is_well_is_told_until_somebody_takes_it(town: Upstream, hook: Hook) -> None:
    fail()
    look()
    mend(town)
    hook.status = 503
    look()
    look()
    hook.status = 204
    look()
    look()
    assert [each["state"] for each in hook.sent] == ["failing", "well", "well", "well"]
    assert hook.taken == [("source:town", "failing"), ("source:town", "well")]
    assert not Alarm.objects.exists()


def test_what_is_judged_once_an_hour_is_told_a_minute_later(hook: Hook) -> None:
    hook.status = 503
    noted({"disk@here": "full"})
    assert hook.taken == []
    hook.status = 204
    look()
    assert hook.taken == [("disk@here", "failing")]
    hook.status = 503
    noted({}, ["disk@here"])
    hook.status = 204
    look()
    assert hook.taken[1:] == [("disk@here", "well")]


def test_what_fails_anew_before_it_was_called_well_stays_told(hook: Hook) -> None:
    noted({"disk@here": "full"})
    hook.status = 503
    noted({}, ["disk@here"])
    hook.status = 204
    noted({"disk@here": "full again"})
    noted({"disk@here": "full again"})
    assert hook.taken == [("disk@here", "failing")]
    noted({}, ["disk@here"])
    assert hook.taken == [("disk@here", "failing"), ("disk@here", "well")]


def test_what_fails_anew_while_it_is_called_well_is_told_anew(hook: Hook) -> None:
    noted({"disk@here": "full"})
    hook.meanwhile = lambda: alarms._note({"disk@here": "full again"}, [])
    noted({}, ["disk@here"])
    look()
    assert [state for _, state in hook.taken] == ["failing", "well", "failing"]
    assert hook.sent[-1]["text"].endswith("full again")


def test_what_nobody_was_told_of_ends_without_a_word(hook: Hook) -> None:
    hook.status = 503
    noted({"disk@here": "full"})
    sent = len(hook.sent)
    hook.status = 204
    noted({}, ["disk@here"])
    assert len(hook.sent) == sent
    assert not Alarm.objects.exists()


def test_what_a_process_died_over_another_tells(hook: Hook) -> None:
    soon = timezone.now() + timedelta(seconds=60)
    for key, over in (("disk@here", ""), ("keys@here", "well")):
        known = {"told_at": soon} if over else {}
        Alarm.objects.create(key=key, text="x", over=over, telling_until=soon, **known)
    alarms._tell_due()
    assert hook.sent == [], "somebody is at it"
    Alarm.objects.update(telling_until=timezone.now() - timedelta(seconds=1))
    alarms._tell_due()
    assert {*hook.taken} == {("disk@here", "failing"), ("keys@here", "well")}
