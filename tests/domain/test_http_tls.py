"""Transport security of outbound calls (RFC 9325; reference/performance.md 4)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.http import CallFailed, Client, Upstreams, transport
from tests.peers.trouble import TroubleServer


@pytest.fixture
def upstream() -> Iterator[TroubleServer]:
    with TroubleServer(tls=True) as server:
        yield server


@pytest.fixture
def client() -> Client:
    return Client("test", Upstreams())


def test_an_authority_of_the_institution_is_trusted_when_it_is_named(
    client: Client, upstream: TroubleServer, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_CA = upstream.ca
    assert client.get(upstream.url("/json")).json() == {"hello": "world"}


def test_an_unknown_authority_is_not_trusted(
    client: Client, upstream: TroubleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, upstream.ca)
    with pytest.raises(CallFailed) as caught:
        client.get(upstream.url("/json"))
    assert caught.value.kind == "SSLCertVerificationError"
    assert upstream.requests.total() == 0


def test_the_environment_cannot_take_trust_away(
    client: Client, upstream: TroubleServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VESTIBULE_HTTP_CA = upstream.ca
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    assert client.get(upstream.url("/json")).ok


def test_a_certificate_for_another_name_is_refused(client: Client, settings: Any) -> None:
    with TroubleServer(tls=True, names=("elsewhere.test",)) as other:
        settings.VESTIBULE_HTTP_CA = other.ca
        with pytest.raises(CallFailed) as caught:
            client.get(other.url("/json"))
    assert caught.value.kind == "SSLCertVerificationError"
    assert other.requests.total() == 0


def test_a_file_of_authorities_that_cannot_be_read_is_a_typed_error(
    client: Client, upstream: TroubleServer, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_CA = "/nowhere/authority.pem"
    with pytest.raises(CallFailed) as caught:
        client.get(upstream.url("/json"))
    assert caught.value.kind == "FileNotFoundError"


def test_one_context_serves_all_calls_and_reads_the_authorities_once(
    client: Client, upstream: TroubleServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VESTIBULE_HTTP_CA = upstream.ca
    made: list[str] = []
    original = transport.tls_context

    def counting(ca: str) -> ssl.SSLContext:
        made.append(ca)
        return original(ca)

    monkeypatch.setattr(transport, "tls_context", counting)
    for _ in range(5):
        client.get(upstream.url("/json"))
        Client("another", Upstreams()).get(upstream.url("/json"))
    assert made == [upstream.ca]
    assert upstream.connections == 1


def test_verification_is_on_and_old_versions_are_off() -> None:
    context = transport.tls_context("")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_secrets_of_connections_are_not_written_to_a_file(
    client: Client,
    upstream: TroubleServer,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    settings.VESTIBULE_HTTP_CA = upstream.ca
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    client.get(upstream.url("/json"))
    assert not (tmp_path / "keys").exists()
