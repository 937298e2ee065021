"""The mail server that a variable names: with a password or without, or not at all."""

import hmac
import smtplib
import time
from pathlib import Path

import pytest
from django.core.mail import send_mail
from django.test import override_settings

from portal.configuration import mail, smtp
from portal.configuration.env import Misconfigured
from tests.peers.certificates import Certificates, make_certificates
from tests.peers.mail import CHALLENGE, Dripping, Flooding, Parting, Refusing, serving

# Seconds: a whole mail is sent in the first on a busy machine, and nothing takes the second.
SHORT, LONG = 3.0, 60.0
DIGEST = hmac.new("blåbær".encode(), CHALLENGE, "md5").hexdigest().encode()


@pytest.mark.parametrize(
    ("url", "host", "user", "password"),
    [
        ("smtp+tls://ada:p%40ss@mail.example.org:587", "mail.example.org", "ada", "p@ss"),
        ("smtp://localhost", "localhost", "", ""),
        ("smtp://localhost:2525", "localhost", "", ""),
    ],
)
def test_user_and_password_may_be_missing(url: str, host: str, user: str, password: str) -> None:
    found = mail.server(url)
    assert found["EMAIL_BACKEND"] == "portal.configuration.smtp.EmailBackend"
    assert found["EMAIL_HOST"] == host
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == (user, password)


@pytest.mark.parametrize("url", ["nonsense", "http://x:a-password@y", "smtp://x:a-password@y:z"])
def test_an_address_that_cannot_be_meant_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"^VESTIBULE_MAIL_URL: ") as refused:
        mail.server(url)
    assert "a-password" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "tls", "ssl"),
    [
        ("smtps://mail.example.org:465", False, True),
        ("smtps://mail.example.org", False, True),
        ("smtp+ssl://mail.example.org:465", False, True),
        ("smtp+tls://mail.example.org:587", True, False),
        ("smtps://mail.example.org:587", True, False),
        ("smtp://mail.example.org", False, False),
    ],
)
def test_tls_begins_at_once_or_after_a_word(url: str, tls: bool, ssl: bool) -> None:
    found = mail.server(url)
    assert (found.get("EMAIL_USE_TLS", False), found.get("EMAIL_USE_SSL", False)) == (tls, ssl)


@pytest.mark.parametrize("empty", ["", " "])
def test_a_sender_that_is_empty_is_the_usual_one(empty: str) -> None:
    assert mail.sender(empty, "login.example.org") == "no-reply@login.example.org"


def send() -> float:
    """Send a mail. Returns how many seconds that took."""
    began = time.monotonic()
    try:
        send_mail("A word", "to you", "no-reply@example.org", ["ada@example.org"])
    finally:
        took = time.monotonic() - began
        assert took < LONG
    return took


@pytest.fixture(params=[False, True], ids=["open", "tls"])
def certificates(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Certificates | None:
    if not request.param:
        return None
    made = make_certificates(tmp_path, ("127.0.0.1",))
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


@pytest.mark.parametrize("talker", [Dripping, Flooding])
def test_a_mail_server_that_talks_for_ever_is_left(
    monkeypatch: pytest.MonkeyPatch, talker: type[Dripping], certificates: Certificates | None
) -> None:
    monkeypatch.setattr(smtp, "SECONDS", SHORT)
    left = pytest.raises(smtplib.SMTPServerDisconnected, match=r"timed out|too (long|much)")
    with serving(talker, certificates) as named, override_settings(**named), left:
        send()


def test_a_mail_that_was_taken_was_sent_however_long_the_parting_is(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates | None
) -> None:
    monkeypatch.setattr(smtp, "SECONDS", SHORT)
    monkeypatch.setattr(Parting, "taken", 0)
    with serving(Parting, certificates) as named, override_settings(**named):
        assert send() >= SHORT
    assert Parting.taken == 1


@pytest.mark.parametrize(
    ("mechanism", "proof"),
    [
        ("PLAIN", "\0bjørn\0blåbær".encode()),
        ("LOGIN", "bjørn blåbær".encode()),
        ("CRAM-MD5", "bjørn ".encode() + DIGEST),
    ],
)
def test_name_and_password_may_have_letters_beyond_ascii(
    monkeypatch: pytest.MonkeyPatch, mechanism: str, proof: bytes
) -> None:
    """RFC 4616, 2: they go out in UTF-8."""
    monkeypatch.setattr(Refusing, "offered", f"250-here\r\n250 AUTH {mechanism}\r\n".encode())
    monkeypatch.setattr(Refusing, "proofs", [])
    monkeypatch.setattr(Refusing, "taken_for", [])
    own = {"EMAIL_HOST_USER": "bjørn", "EMAIL_HOST_PASSWORD": "blåbær"}
    with serving(Refusing) as named, override_settings(**named, **own):
        send()
    assert Refusing.proofs == [proof]
    assert len(Refusing.taken_for) == 1
