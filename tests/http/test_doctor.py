"""`manage.py doctor` is silent about what is well, and finds each fault with the right advice."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
import requests
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, override_settings
from django.utils import timezone

from accounts import conf, outbox
from accounts.models import EndedEntry, Event, OutboxItem, Source, StoredSession
from accounts.provider import Finding, TokenSet
from accounts.source import catalogue
from portal.operations.doctor import database, examination, mirror
from tests.peers import proxies
from tests.peers.certificates import make_certificates
from tests.peers.commands import manage
from tests.peers.dead_cache import dead_cache
from tests.peers.services import Redis
from tests.peers.site import Site, free_port

WEAK = "changeme-" * 8
ADMINISTRATOR = """
from accounts.models import User
User.objects.create_superuser("ada", "correct horse battery staple").give_local_identity()
"""
FLAT = base64.b64encode(b"a" * 32).decode()


def found(*subjects: str, **settings: Any) -> list[Finding]:
    """Return what the doctor finds of some subjects under these settings."""
    with override_settings(**settings):
        return [finding for _, finding in examination.examine(subjects)]


def wrong(*subjects: str, **settings: Any) -> str:
    """Return what the doctor says is wrong, each with its fix."""
    bad = [each for each in found(*subjects, **settings) if not each.ok]
    assert all(each.fix for each in bad), bad
    return "\n".join(f"{each.message} {each.fix}" for each in bad)


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    """A site that nothing is wrong with."""
    house = site({"VESTIBULE_BODY_DEADLINE": "1"})
    house.manage("shell", "--verbosity=0", stdin=ADMINISTRATOR)
    return house


def told(house: Site, **settings: Any) -> dict[str, Any]:
    """Return the settings by which the doctor is one of the house."""
    made = json.loads((Path(house.env["VESTIBULE_DATA"]) / "keys.json").read_text())
    keys = {"SECRET_KEY": made["secret_key"], "VESTIBULE_VAULT_KEYS": [made["vault_key"]]}
    own = {"VESTIBULE_SITE_URL": house.url, "VESTIBULE_BODY_DEADLINE": 1.0, **keys}
    return {**own, "VESTIBULE_THREADS": house.threads, **settings}


@pytest.mark.remembers
def test_a_site_that_is_well_is_green(house: Site) -> None:
    said = json.loads(house.manage("doctor", "--json"))
    assert not [each for each in said if not each["ok"]]
    subjects = {each["subject"] for each in said}
    assert subjects >= {"site", "proxy", "body", "workers", "keys", "disk", "clock", "database"}
    printed = house.manage("doctor", "site", "workers")
    assert "FAIL" not in printed
    assert house.url in printed


def test_a_script_reads_the_status_and_the_findings(house: Site) -> None:
    nowhere = f"localhost:{free_port()}"
    env = {**house.env, "VESTIBULE_SITE_URL": f"http://{nowhere}"}
    env["DATABASE_URL"] = f"postgres://nobody@{nowhere}/none"
    done = manage(["doctor", "site", "keys", "--json"], env)
    assert done.returncode == 1
    said = {each["subject"]: each for each in json.loads(done.stdout)}
    assert not said["site"]["ok"]
    assert not said["keys"]["ok"]
    assert "VESTIBULE_SITE_URL" in said["site"]["fix"]
    assert "doctor.failed" in done.stderr
    assert manage(["doctor", "nonsense"], env).returncode == 1


def test_silence_of_the_site_is_no_health(house: Site) -> None:
    """`doctor proxy body`, as docs/operations.md prints it, said nothing, with status 0."""
    nowhere = f"http://localhost:{free_port()}"
    done = manage(["doctor", "proxy", "body"], {**house.env, "VESTIBULE_SITE_URL": nowhere})
    assert done.returncode == 1
    assert f"The site does not answer at {nowhere}" in done.stdout
    with override_settings(VESTIBULE_SITE_URL=nowhere):
        assert not [each for each, _ in examination.examine(["body"])]  # no alarm of its own


@pytest.mark.django_db
def test_how_a_request_arrived_is_told_to_who_has_the_key(client: Client) -> None:
    assert client.get("/doctor").status_code == 404
    for proof in ("wrong", mirror.token("nonce")[:-1], ""):
        headers = {"Authorization": f"Bearer {proof}"}
        assert client.get("/doctor", headers=headers).status_code == 404
    headers = {"Authorization": f"Bearer {mirror.token('nonce')}"}
    assert client.get("/doctor", headers=headers).json()["address"] == "127.0.0.1"
    with override_settings(SECRET_KEY="another one"):
        assert client.get("/doctor", headers=headers).status_code == 404
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")  # PostgreSQL answers nothing more in this transaction
    told = client.get("/doctor", headers=headers).json()["database"]
    assert told == (None if connection.vendor == "postgresql" else {})


class Seed(NamedTuple):
    """A misconfiguration: what is examined, under which settings, and what must be said."""

    subject: str
    settings: dict[str, Any]
    said: str


@pytest.mark.parametrize(
    "seed",
    [
        Seed("keys", {"SECRET_KEY": WEAK}, "VESTIBULE_SECRET_KEY .*token_urlsafe"),
        Seed("keys", {"VESTIBULE_VAULT_KEYS": [FLAT]}, "VAULT_KEYS .*openssl rand -base64 32"),
        Seed("settings", {"VESTIBULE_WORKERS": 4, "REDIS_URL": ""}, "needs Redis.*Set REDIS_URL"),
        Seed(
            "mail",
            {
                "EMAIL_BACKEND": "portal.configuration.smtp.EmailBackend",
                "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": 1,
            },
            "mail server .*Compare VESTIBULE_MAIL_URL",
        ),
        Seed(
            "certificate",
            {"VESTIBULE_PRODUCTION": True, "VESTIBULE_SITE_URL": "http://login.example.org"},
            "plain http.*proxy with a certificate",
        ),
    ],
    ids=lambda seed: seed.said,
)  # fmt: skip
@pytest.mark.django_db
def test_a_setting_that_is_wrong_is_found(seed: Seed) -> None:
    assert re.search(seed.said, wrong(seed.subject, **seed.settings))
    assert not wrong("keys", "settings", "mail", "certificate")


@pytest.mark.django_db
def test_keys_that_others_can_read_are_found(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("{}")
    file.chmod(0o644)
    assert f"chmod 600 {file}" in wrong("keys", DATA_DIR=tmp_path)
    file.chmod(0o600)
    assert not wrong("keys", DATA_DIR=tmp_path)


@pytest.mark.django_db(transaction=True)
def test_tables_of_an_older_version_are_found() -> None:
    recorder = MigrationRecorder(connection)
    last = recorder.migration_qs.filter(app="accounts").latest("pk")
    recorder.record_unapplied(last.app, last.name)
    try:
        assert "manage.py migrate" in wrong("database")
    finally:
        recorder.record_applied(last.app, last.name)
    assert not wrong("database")


@pytest.mark.django_db
def test_an_outbox_that_nobody_delivers_is_found() -> None:
    outbox.post_logout("town", TokenSet(id_token="a hint"), "BCDF-2345")
    assert not wrong("outbox")
    OutboxItem.objects.update(next_at=timezone.now() - timedelta(minutes=7))
    said = wrong("outbox")
    assert "7 minutes" in said
    assert "deliver_outbox --forever" in said


@pytest.mark.django_db
def test_sessions_that_nobody_deletes_are_found() -> None:
    old = timezone.now() - timedelta(days=4)
    StoredSession.objects.create(session_key="a" * 64, expire_date=old)
    assert "manage.py clear_expired" in wrong("expiry")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["a session that ended", "an event that is kept no longer"])
def test_a_clean_up_that_never_runs_is_found_while_sessions_are_ended(what: str) -> None:
    """By `deliver_outbox --forever`: the doctor found all well, for years."""
    old = timezone.now() - timedelta(days=4)
    StoredSession.objects.create(session_key="a" * 64, expire_date=old)
    if what.startswith("an"):
        Event.objects.create(name="login.succeeded", at=old - conf.events_kept())
    else:
        for number in range(2):
            EndedEntry.objects.create(kind="session", value=str(number), at=old)
    call_command("deliver_outbox")
    assert not StoredSession.objects.exists()
    assert "manage.py clear_expired" in wrong("expiry")
    call_command("clear_expired")
    assert not wrong("expiry"), "the newest line of the feed stays"


@pytest.mark.django_db
@pytest.mark.services
def test_a_redis_that_is_down_is_found() -> None:
    with dead_cache():
        said = wrong("cache", REDIS_URL="redis://127.0.0.1:1/0")
    assert "REDIS_URL" in said


@pytest.mark.django_db
@pytest.mark.services
@pytest.mark.parametrize(
    ("setting", "word", "advice"),
    [
        (("maxmemory", "1"), "maxmemory", "Look at its maxmemory"),
        (("requirepass", "x"), "authenticat", "Compare user and password"),
    ],
)
def test_a_redis_that_refuses_is_told_from_one_that_does_not_answer(
    setting: tuple[str, str], word: str, advice: str
) -> None:
    with Redis().running() as own, redis.Redis.from_url(own.url) as client:
        client.config_set(*setting)
        with dead_cache(own.url):
            said = wrong("cache", REDIS_URL=own.url)
    why, found, _rest = said.partition(advice)
    assert word in why
    assert found
    assert "does not answer" not in said


@pytest.mark.django_db
def test_a_disk_that_is_full_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**40, 2**40 - 2**27, 2**27))
    assert "VESTIBULE_DATA" in wrong("disk")


@pytest.mark.django_db
def test_what_is_read_only_need_not_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in the image: a folder for the numbers alone, where somebody reads them."""
    own = {"DATABASE_URL": "postgres://none", "DATA_DIR": str(tmp_path)}
    read = {**own, "VESTIBULE_METRICS_TOKEN": "a token of the operator's"}
    monkeypatch.setattr(os, "access", lambda place, _: Path(place).name == "metrics")
    usage = type(shutil.disk_usage("/"))
    memory, disk = usage(2**26, 0, 2**26), usage(2**30, 0, 2**30)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda place: memory if place.name == "metrics" else disk
    )
    assert not wrong("disk", **own)
    assert str(tmp_path) in wrong("disk", **read)
    (tmp_path / "metrics").mkdir()
    assert not wrong("disk", **read)
    assert str(tmp_path) in wrong("disk", **{**own, "DATABASE_URL": ""})


@pytest.mark.django_db(transaction=True)
def test_a_source_that_lost_its_secret_and_a_house_without_one_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VESTIBULE_SOURCE_TOWN", "a secret")
    settings = {"upstream": "http://127.0.0.1:1", "secret": "env:VESTIBULE_SOURCE_TOWN"}
    catalogue.save(Source(slug="town", provider="tenant", settings=settings))
    monkeypatch.delenv("VESTIBULE_SOURCE_TOWN")
    assert re.search(r"town: .*secret.*Correct the settings", wrong("sources"))
    Source.objects.update(enabled=False)
    assert "sources apply" in wrong("sources")


@contextmanager
def served(date: str, certificates: Any = None) -> Iterator[str]:
    """Serve 404 with a Date of its own, by https with a certificate. Gives the origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", date)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler, certificates) as (port, scheme):
        yield f"{scheme}://localhost:{port}"


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], certificates: Any = None) -> Iterator[Any]:
    """Serve by a handler, by https with a certificate. Gives the port and the scheme."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port, "https" if certificates else "http"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.django_db
def test_a_clock_that_is_wrong_is_found() -> None:
    with served("Sat, 01 Jan 2028 00:00:00 GMT") as url:
        said = wrong("clock", VESTIBULE_SITE_URL=url)
    assert re.search(r"behind that of http.*NTP", said)


@pytest.mark.django_db
def test_certificates_that_nobody_trusts_or_that_end_are_found(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, ("localhost",))
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    with served(date, certificates) as url:
        assert "Serve a certificate for this name" in wrong("certificate", VESTIBULE_SITE_URL=url)
        trusted = {"VESTIBULE_SITE_URL": url, "VESTIBULE_HTTP_CA": str(certificates.authority)}
        assert "Renew it" in wrong("certificate", **trusted), "it ends within the day"
        assert "VESTIBULE_SECRET_KEY" in wrong("site", **trusted), "it is another site"


@contextmanager
def buffering(port: int) -> Iterator[str]:
    """Serve what is at a port, but take each request in whole before it goes on, as nginx does
    unless it is told otherwise. Gives the origin.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name != "Host"}
            whole = {**headers, "Host": f"localhost:{port}"}
            answer = requests.get(f"http://localhost:{port}{self.path}", headers=whole)
            self.send_response_only(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Handler) as (server, _):
        yield f"http://localhost:{server}"


@pytest.mark.django_db
def test_a_body_that_is_waited_for_too_long_is_found(house: Site) -> None:
    assert not wrong("body", **told(house))
    with buffering(int(house.url.rpartition(":")[2])) as url:
        said = wrong("body", **told(house, VESTIBULE_SITE_URL=url))
    assert re.search(r"longer than 1 s.*pass bodies on as they come", said)


@pytest.mark.django_db
def test_workers_of_other_keys_are_found(house: Site) -> None:
    """Whoever turned a key and did not start them anew: `rotate_keys` would sign everybody out."""
    made = json.loads((Path(house.env["VESTIBULE_DATA"]) / "keys.json").read_text())["vault_key"]
    fresh = base64.b64encode(secrets.token_bytes(32)).decode()
    for keys in (f"{made},{fresh}", f"{fresh},{made}"):
        done = manage(["doctor", "workers"], {**house.env, "VESTIBULE_VAULT_KEYS": keys})
        assert done.returncode == 1
        assert "before rotate_keys" in done.stdout


def test_a_variable_that_nothing_reads_is_found(house: Site) -> None:
    done = manage(["doctor", "settings"], {**house.env, "VESTIBULE_SESION_IDLE": "60"})
    assert done.returncode == 1
    assert "Perhaps VESTIBULE_SESSION_IDLE is meant." in done.stdout


def test_another_number_of_workers_is_found(house: Site) -> None:
    assert not wrong("workers", **told(house))
    assert "one number" in wrong("workers", **told(house, VESTIBULE_WORKERS=3))


@pytest.mark.django_db
def test_a_server_that_hears_nobody_beside_a_thousand_is_found(house: Site, tmp_path: Path) -> None:
    own = {"VESTIBULE_SITE_URL": f"http://localhost:{free_port()}"}
    few = replace(
        house,
        url=own["VESTIBULE_SITE_URL"],
        env={**house.env, **own},
        log=tmp_path / "output",
        taken=(),
    )
    few.start()
    try:
        assert "--backpressure 4096" in wrong("workers", **told(few, **own))
    finally:
        few.stop()


@pytest.mark.django_db
def test_an_address_that_anybody_may_choose_is_found(site: Callable[..., Site]) -> None:
    believing = site({"VESTIBULE_TRUSTED_PROXIES": "127.0.0.0/8"})
    said = wrong("proxy", **told(believing))
    assert "overwrite X-Forwarded-For" in said
    assert "X-Original-Url" in said


@pytest.mark.parametrize("trusted", ["127.0.0.1", ""])
@pytest.mark.django_db
def test_a_proxy_is_put_to_the_test(site: Callable[..., Site], trusted: str) -> None:
    behind = site({"VESTIBULE_TRUSTED_PROXIES": trusted, "VESTIBULE_BODY_DEADLINE": "1"})
    with proxies.before("nginx", int(behind.url.rpartition(":")[2])) as (port, authority):
        public = {
            "VESTIBULE_SITE_URL": f"https://localhost:{port}",
            "VESTIBULE_HTTP_CA": str(authority),
            "VESTIBULE_TRUSTED_PROXIES": [trusted] if trusted else [],
        }
        said = wrong("site", "proxy", "body", **told(behind, **public))
    if trusted:
        assert not said
    else:
        assert "VESTIBULE_TRUSTED_PROXIES" in said


def test_workers_that_do_not_reach_the_database_are_found() -> None:
    [finding] = database.ends(None)
    assert not finding.ok
    assert "DATABASE_URL" in finding.fix
    assert not list(database.ends({})), "nothing is told of workers that nobody could ask"


@pytest.mark.django_db
def test_a_database_without_time_outs_is_found(site: Callable[..., Site]) -> None:
    endless = site({"VESTIBULE_DATABASE_STATEMENT": "0"})
    said = wrong("database", **told(endless))
    assert ("VESTIBULE_DATABASE_STATEMENT" in said) is (connection.vendor == "postgresql")
