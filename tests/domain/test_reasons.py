"""Why a server cannot be used is told in its own words, and without a secret."""

from __future__ import annotations

import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.core.mail import get_connection
from django.db import OperationalError, connection
from django.test import override_settings

from accounts.cache import reasons, servers
from portal.operations.doctor import database
from tests.peers.certificates import Certificates, make_certificates
from tests.peers.mail import Parting, serving
from tests.peers.redises import PASSWORD, WRITTEN, Alone, Chosen
from tests.peers.site import free_port

WAITS = servers.Waits(5, 5)


def why(call: Callable[[], object]) -> str:
    """Return why a call fails."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # of whichever library
        return reasons.of(error)
    pytest.fail("nothing was wrong")


def asked(url: str) -> str:
    """Return why the Redis at an address cannot be used."""
    return why(lambda: servers.client(url, WAITS).set("key", 1))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Certificates:
    """Certificates of an authority that nobody trusts."""
    return make_certificates(tmp_path, ("elsewhere.test",))


# --- Redis ----------------------------------------------------------------------------------------


def test_of_one_redis(elsewhere: Certificates) -> None:
    with Alone(tls=True).running() as redis:
        assert servers.client(redis.url, WAITS).set("key", 1)
        other = redis.url.replace(redis.parameters(), f"?ssl_ca_certs={elsewhere.authority}")
        told = asked(other)
        assert told.startswith("certificate verify failed: "), told
        assert reasons.is_about_tls(told)
        refused = asked(redis.url.replace(WRITTEN, "another-word"))
        assert "password" in refused
        assert reasons.is_a_refusal(refused)
        assert "another-word" not in refused
        nobody = asked(f"redis://127.0.0.1:{free_port()}")
        assert "refused" in nobody
        assert not reasons.is_about_tls(nobody)
        assert not reasons.is_a_refusal(nobody)


def test_of_sentinels(elsewhere: Certificates) -> None:
    with Chosen(tls=True, guarded=True, watchers=1).running() as redis:
        assert servers.client(redis.url, WAITS).set("key", 1)
        other = redis.url.replace(redis.parameters(), f"?ssl_ca_certs={elsewhere.authority}")
        told = asked(other)
        assert "No master found" in told
        assert "certificate verify failed" in told
        assert PASSWORD not in told
        guess = redis.url.replace("sentinel_password=watch", "sentinel_password=another-word")
        refused = asked(guess)
        assert reasons.is_a_refusal(refused), refused
        assert "another-word" not in refused


# --- PostgreSQL -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_of_a_database() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("there is no PostgreSQL")
    own = connection.get_connection_params()
    place = {name: own[name] for name in ("host", "port", "user") if name in own}
    refused = why(lambda: psycopg.connect(**place, dbname="vestibule", password="another-word"))
    assert "password authentication failed" in refused
    assert "another-word" not in refused
    plain = why(lambda: psycopg.connect(**place, dbname="vestibule", sslmode="require"))
    assert reasons.is_about_tls(plain), plain


@pytest.mark.django_db
def test_the_advice_is_of_the_kind_of_trouble() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("there is no PostgreSQL")
    said = {
        'connection failed: server certificate for "a" does not match host name "b"': "sslrootcert",
        'connection failed: FATAL:  password authentication failed for user "x"': "user, password",
        "connection failed: Connection refused\n\tIs the server running?": "Start it",
    }
    for text, advice in said.items():
        found = database.unanswered(OperationalError(text))
        assert advice in found.fix
        assert "\n" not in found.message
        assert "connection failed" not in found.message


def test_of_several_hosts_each_is_told() -> None:
    ports = free_port(), free_port()
    address = {"host": "127.0.0.1,127.0.0.1", "port": ",".join(map(str, ports))}
    told = why(lambda: psycopg.connect(**address, dbname="x", user="x", password="another-word"))
    assert all(f"port {port} failed" in told for port in ports), told
    assert len(told) <= reasons.LONGEST
    assert "another-word" not in told


# --- Mail -----------------------------------------------------------------------------------------


class Refusing(socketserver.StreamRequestHandler):
    """Lets nobody in, and quotes what it was told."""

    calls = 0

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.startswith(b"ehlo"):
                self.wfile.write(b"250-here\r\n250 AUTH PLAIN\r\n")
            else:
                self.wfile.write(b"535 no: " + line)


@contextmanager
def served(talker: type, certificates: Certificates | None) -> Iterator[None]:
    with serving(talker, certificates) as named, override_settings(**named):
        yield


def test_a_mail_server_of_ones_own_authority_is_trusted_where_that_is_named(
    tmp_path: Path,
) -> None:
    made = make_certificates(tmp_path, ("127.0.0.1",))
    with served(Parting, made):
        told = why(lambda: get_connection().open())
        assert told.startswith("certificate verify failed: "), told
        with override_settings(VESTIBULE_HTTP_CA=str(made.authority)):
            assert get_connection().open()


def test_a_mail_server_of_another_name_is_not(elsewhere: Certificates) -> None:
    trusted = override_settings(VESTIBULE_HTTP_CA=str(elsewhere.authority))
    with served(Parting, elsewhere), trusted:
        assert "127.0.0.1" in why(lambda: get_connection().open())


def test_what_a_mail_server_quotes_is_not_told() -> None:
    own = override_settings(EMAIL_HOST_USER="ada", EMAIL_HOST_PASSWORD="a-password")
    with served(Refusing, None), own:
        assert why(lambda: get_connection().open()) == "535 authentication failed"
