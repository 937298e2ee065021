"""Transport security of outbound calls (RFC 9325)."""

from __future__ import annotations

import hashlib
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from accounts.http import (
    CallFailed,
    Client,
    Upstreams,
    advice_on_certificate,
    handles,
    in_words,
)
from tests.architecture.tree import ROOT
from tests.peers.trouble import TroubleServer

pytestmark = pytest.mark.wire

# Makes one call of its own process, to the address that it is given, with a CA that it is given.
CALL = """
import sys
import django
from django.conf import settings
settings.configure(VESTIBULE_HTTP_CONNECT=2.0, VESTIBULE_HTTP_DEADLINE=5.0,
    VESTIBULE_HTTP_MAX_BYTES=100, VESTIBULE_HTTP_PER_UPSTREAM=1, VESTIBULE_HTTP_PLAIN=False,
    VESTIBULE_HTTP_INSIDE=True,
    VESTIBULE_THREADS=2, VESTIBULE_HTTP_CA=sys.argv[2])
django.setup()
from accounts.http import Client
assert Client("test").get(sys.argv[1]).ok
"""


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
    assert caught.value.kind == "CertificateOfAnother"
    assert "for another name" in in_words(caught.value)
    assert "VESTIBULE_HTTP_CA" in advice_on_certificate(caught.value)
    assert other.requests.total() == 0


def test_a_file_of_authorities_that_cannot_be_read_is_a_typed_error(
    client: Client, upstream: TroubleServer, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_CA = "/nowhere/authority.pem"
    with pytest.raises(CallFailed) as caught:
        client.get(upstream.url("/json"))
    assert caught.value.kind == "FileNotFoundError"
    assert not advice_on_certificate(caught.value)


def test_a_file_that_holds_no_authority_is_a_typed_error(
    client: Client, upstream: TroubleServer, settings: Any, tmp_path: Path
) -> None:
    settings.VESTIBULE_HTTP_CA = str(tmp_path / "authority.pem")
    (tmp_path / "authority.pem").write_text("nothing")
    with pytest.raises(CallFailed) as caught:
        client.get(upstream.url("/json"))
    assert caught.value.kind == "SSLError"


@pytest.mark.parametrize("kept_in", ["file", "folder"])
def test_the_systems_authorities_are_trusted_beside_that_of_the_institution(
    client: Client,
    upstream: TroubleServer,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kept_in: str,
) -> None:
    if kept_in == "folder":
        hashed(Path(upstream.ca)).symlink_to(upstream.ca)
    file = upstream.ca if kept_in == "file" else "/nowhere"
    keeps(monkeypatch, file, str(Path(upstream.ca).parent))
    with TroubleServer(tls=True) as institution:
        settings.VESTIBULE_HTTP_CA = institution.ca
        for server in (upstream, institution):
            assert client.get(server.url("/json")).ok


def test_a_system_without_authorities_has_those_of_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    keeps(monkeypatch, "/nowhere", "/nowhere")
    (file,) = handles._system_roots().values()
    assert "certifi" in str(file)


def keeps(monkeypatch: pytest.MonkeyPatch, file: str, folder: str) -> None:
    """Let the system keep its authorities there, and nothing be known of before."""
    paths = ssl.DefaultVerifyPaths(file, folder, "", file, "", folder)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(handles, "_idle", {})
    monkeypatch.setattr(handles, "_system_roots", handles._system_roots.__wrapped__)


def hashed(certificate: Path) -> Path:
    """Return where OpenSSL looks for an authority in a folder (c_rehash): by its subject."""
    subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
    (common_name,) = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    lower = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(common_name.value).lower())])
    digest = hashlib.sha1(lower.public_bytes()[2:]).digest()  # without the tag of the whole
    return certificate.parent / f"{int.from_bytes(digest[:4], 'little'):08x}.0"


def test_one_connection_serves_all_clients(
    client: Client, upstream: TroubleServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "MAX_IDLE", 60)  # a busy machine lets one rest for long
    settings.VESTIBULE_HTTP_CA = upstream.ca
    for _ in range(3):
        client.get(upstream.url("/json"))
        time.sleep(0.05)  # so that tickets, which TLS 1.3 sends after the handshake, have come
        Client("another", Upstreams()).get(upstream.url("/json"))
    assert upstream.connections == 1


@pytest.mark.parametrize(
    ("newest", "is_taken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)]
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_old_versions_are_off(
    client: Client, upstream: TroubleServer, settings: Any, newest: str, is_taken: bool
) -> None:
    settings.VESTIBULE_HTTP_CA = upstream.ca
    assert upstream.context
    upstream.context.set_ciphers("ALL:@SECLEVEL=0")
    upstream.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    upstream.context.maximum_version = ssl.TLSVersion[newest]
    if is_taken:
        assert client.get(upstream.url("/json")).ok
    else:
        with pytest.raises(CallFailed):
            client.get(upstream.url("/json"))


def test_the_secrets_of_connections_are_not_written_to_a_file(
    upstream: TroubleServer, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    subprocess.run(
        [sys.executable, "-c", CALL, upstream.url("/json"), upstream.ca],
        cwd=ROOT, env={**os.environ, "SSLKEYLOGFILE": str(keys)}, check=True,
    )  # fmt: skip
    assert upstream.requests["/json"] == 1
    assert not keys.exists()
