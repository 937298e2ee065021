"""Alarms: operators are told once when something fails for a time, and once when it is well."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core import mail
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.utils import timezone

from accounts import errors, events
from accounts.models import Event, Source
from accounts.session import following
from accounts.source import catalogue, outage
from portal.operations import alarms
from portal.operations.alarms import Alarm
from portal.operations.doctor import examination
from tests.http.conftest import enter
from tests.http.oidc.conftest import parallel
from tests.http.test_doctor import listening
from tests.peers.upstream import Upstream, upstream

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.remembers]


@pytest.fixture
def town() -> Iterator[Upstream]:
    """A source in trouble, which people have met; its upstream can be mended."""
    with upstream() as peer:
        catalogue.save(Source(slug="town", provider="tenant", settings={"upstream": peer.url}))
        yield peer


@contextmanager
def told(**more: Any) -> Iterator[None]:
    given = {"VESTIBULE_ALARM_MAIL": ["ops@example.org"], "VESTIBULE_ALARM_AFTER": 0.0, **more}
    with override_settings(**given):
        yield


def look() -> list[str]:
    """Look, as a minute later. Returns the subjects of the mails of this look."""
    alarms.forget()
    alarms._looked["doctor"] = float("inf")
    before = len(mail.outbox)
    alarms.look()
    return [each.subject for each in mail.outbox[before:]]


def fail() -> None:
    """Let the source's upstream be gone, and let people meet it."""
    row = Source.objects.get(slug="town")
    row.settings = {"upstream": "http://127.0.0.1:1"}
    catalogue.save(row)
    outage.note("town")


def mend(town: Upstream) -> None:
    row = Source.objects.get(slug="town")
    row.settings = {"upstream": town.url}
    catalogue.save(row)


def test_a_source_is_told_of_once_and_again_when_it_is_well(town: Upstream) -> None:
    with told():
        assert look() == []
        fail()
        assert look() == ["Vestibule: Not well: town"]
        assert look() == []
        outage.over("town")  # nobody comes any more, but it is not well
        assert look() == []
        mend(town)
        assert look() == ["Vestibule: Well again: town"]
        assert look() == []
        assert mail.outbox[0].to == ["ops@example.org"]


def refused() -> None:
    """Let somebody fail since the source refuses the site, or seem to."""
    events.count(events.event("login.failed", reason=errors.MISCONFIGURED, source="town"))


def test_a_source_that_refuses_the_site_is_told_of(town: Upstream) -> None:
    with told():
        refused()
        assert look() == [], "its self-test finds nothing"
        fail()
        outage.over("town")
        Event.objects.update(last_at=timezone.now() - timedelta(minutes=6))
        assert look() == [], "nobody has met it lately"
        refused()
        assert look() == ["Vestibule: Not well: town"]
        mend(town)
        assert look() == ["Vestibule: Well again: town"]


def test_a_source_that_cannot_be_asked_about_its_people_is_told_of(
    town: Upstream, client: Client
) -> None:
    """A directory that refuses the site's own reader at night, while nobody signs in."""
    row = Source.objects.get(slug="town")
    row.settings = {"upstream": town.url, "recheck_seconds": 60}
    catalogue.save(row)
    enter(client, "town")
    with told():
        town.mood = "failing"
        assert look() == [], "nobody has met it"
        following.recheck_due()
        assert look() == ["Vestibule: Not well: town"]


def test_a_source_that_cannot_be_read_is_told_of(
    town: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTIBULE_SOURCE_TOWN", "a secret of the town's")
    row = Source.objects.get(slug="town")
    row.settings = {"upstream": town.url, "secret": "env:VESTIBULE_SOURCE_TOWN"}
    catalogue.save(row)
    with told():
        assert look() == []
        monkeypatch.delenv("VESTIBULE_SOURCE_TOWN")
        assert look() == ["Vestibule: Not well: town"]


def test_a_short_trouble_is_told_to_nobody(town: Upstream) -> None:
    with told(VESTIBULE_ALARM_AFTER=300.0):
        fail()
        assert look() == []
        mend(town)
        outage.over("town")
        assert look() == []
        fail()
        look()
        Alarm.objects.update(since=datetime.now(UTC) - timedelta(seconds=301))
        assert look() == ["Vestibule: Not well: town"]


def test_of_several_machines_one_tells(town: Upstream) -> None:
    with told():
        fail()
        wrong = {"source:town": "town: gone"}
        before = len(mail.outbox)
        parallel(6, lambda: noted(wrong))
        assert len(mail.outbox) == before + 1
        parallel(6, lambda: noted({}, [*wrong]))
        assert len(mail.outbox) == before + 2
        assert not Alarm.objects.exists()


def noted(wrong: dict[str, str], well: list[str] | None = None) -> None:
    alarms._note(wrong, well or [])
    alarms._tell_due()


def test_a_webhook_gets_json_and_is_asked_again_while_it_fails(town: Upstream) -> None:
    got: list[Any] = []
    statuses = [500, 204]

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response_only(statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Hook) as (port, _):
        url = f"http://127.0.0.1:{port}/hook"
        with told(VESTIBULE_ALARM_MAIL=[], VESTIBULE_ALARM_WEBHOOK=url):
            fail()
            for _ in range(3):
                look()
    assert [each["state"] for each in got] == ["failing", "failing"], "refused, then taken"
    assert got[0]["alarm"] == "source:town"
    assert got[0]["site"] == "http://localhost:8000"
    assert "Not well: town" in got[0]["text"]


def test_nobody_is_told_where_nobody_is_named(town: Upstream) -> None:
    fail()
    assert look() == []
    assert not Alarm.objects.exists()


def certificate(path: Path, days: int) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=1))
    made = made.not_valid_after(now + timedelta(days=days, hours=1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.write_bytes(pem)
    return path


def test_a_certificate_that_nears_its_end_is_told_of(tmp_path: Path) -> None:
    file = certificate(tmp_path / "ca.pem", 13)
    settings = {"upstream": "http://127.0.0.1:1", "home": str(file)}
    catalogue.save(Source(slug="work", provider="tenant", settings=settings))
    with told():
        alarms.forget()
        alarms.look()
        (one,) = (each for each in mail.outbox if "files" in each.subject)
        assert "work: home: the certificate ends in 13 days." in one.body
        assert "Put its successor into the file." in one.body
        certificate(file, 300)
        alarms.forget()
        alarms.look()
        here = socket.gethostname()[:50]
        assert mail.outbox[-1].subject == f"Vestibule: Well again: files ({here})"
    found = [each.message for _, each in examination.examine(["files"])]
    assert found == ["work: home: the certificate is good for another 300 days."]


def test_a_clean_up_that_does_not_run_any_more_is_told_of() -> None:
    """What is kept for too long is seen by nobody: neither people nor the disk complain."""
    Event.objects.create(name="login.succeeded", at=timezone.now() - timedelta(days=1000))
    with told():
        alarms.forget()
        alarms.look()
        (one,) = (each for each in mail.outbox if "expiry" in each.subject)
        assert "manage.py clear_expired" in one.body
        call_command("clear_expired")
        alarms.forget()
        alarms.look()
        assert mail.outbox[-1].subject == "Vestibule: Well again: expiry"


def test_the_certificates_of_the_servers_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = certificate(tmp_path / "client.pem", 2), certificate(tmp_path / "ca.pem", 30)
    connection.ensure_connection()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "sslcert", str(ours))
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "sslrootcert", "system")
    with override_settings(REDIS_URL=f"rediss://127.0.0.1:9/0?ssl_ca_certs={theirs}"):
        found = [each.message for _, each in examination.examine(["files"])]
    assert found == [
        "DATABASE_URL: sslcert: the certificate ends in 2 days.",
        "REDIS_URL: ssl_ca_certs: the certificate is good for another 30 days.",
    ]


@pytest.mark.parametrize("file", ["/nope", "/etc", "/etc/passwd"])
def test_an_authority_that_is_no_certificate_is_found(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it the database does not answer either: what it cannot tell comes last."""
    connection.ensure_connection()
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "sslrootcert", file)

    def gone(*_: Any) -> None:
        raise OperationalError

    with (
        override_settings(VESTIBULE_HTTP_CA=file, REDIS_URL=""),
        connection.execute_wrapper(gone),
    ):
        found = [each.message for _, each in examination.examine(["files"])]
    assert found == [
        "DATABASE_URL: sslrootcert: the certificate cannot be read.",
        "VESTIBULE_HTTP_CA: the certificate cannot be read.",
        "This could not be examined: OperationalError",
    ]


def test_it_is_looked_beside_the_deliveries(town: Upstream) -> None:
    with told():
        fail()
        alarms.forget()
        alarms._looked["doctor"] = float("inf")
        alarms.look_beside()
        alarms._beside[0].join(60)
        assert [each.subject for each in mail.outbox] == ["Vestibule: Not well: town"]
