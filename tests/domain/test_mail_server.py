"""The mail server that a variable names: with a password or without, or not at all."""

import pytest

from portal.configuration import mail
from portal.configuration.env import Misconfigured


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
