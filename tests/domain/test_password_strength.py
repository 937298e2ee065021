"""New passwords: long, and of more than what guessers try first (docs/threats.md, U01, U02)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import User

WEAK = [
    "aaaaaaaaaaaaaaaa", "abcabcabcabcabcabc", "123456789012345678", "qwertyuiopasdfgh",
    "password1password1", "P@ssw0rdP@ssw0rd!", "Vestibule2026!!!", "vestibule-vestibule",
    "alice.aaberg1234", "letmein123456789", "iloveyouiloveyou", "abcdefghijklmnopq",
    "passwordpassword", "1qaz2wsx3edc4rfv5", "SommerSommer2026", "localhost123456!",
    "football12345678",
]  # fmt: skip
STRONG = [
    "correct horse battery staple", "yet another password", "blå cykler i regnvejr",
    "Zr9xLw4TbY8uHc3", "nine green lamps hum", "kaffe, tog og torden",
]  # fmt: skip


@pytest.fixture
def alice() -> User:
    return User(username="alice", name="Alice Aaberg", email="alice.aaberg@example.org")


@pytest.mark.parametrize("password", WEAK)
def test_what_guessers_try_first_is_refused(alice: User, password: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_password(password, alice)
    assert "password_easily_guessed" in {each.code for each in refused.value.error_list}


@pytest.mark.parametrize("password", STRONG)
def test_what_they_do_not_is_taken(alice: User, password: str) -> None:
    validate_password(password, alice)


def test_fifteen_characters_are_the_least(alice: User) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_password("Zr9xLw4TbY8uHc", alice)
    assert [each.code for each in refused.value.error_list] == ["password_too_short"]


def test_a_long_password_is_judged_soon(alice: User) -> None:
    import time

    began: Any = time.monotonic()
    with pytest.raises(ValidationError):
        validate_password("ab" * 2048, alice)
    assert time.monotonic() - began < 5
