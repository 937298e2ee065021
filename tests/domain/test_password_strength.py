"""New passwords: long, and of more than what guessers try first (docs/threats.md, U01, U02)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
    "football12345678", "alice_aaberg_2026", "Vestibule-Alice-2026", "V3st1bule V3st1bule",
    "qazwsxedcrfvtgb1", "november22november", "liverpool-arsenal1", "ThisIsMyPassword",
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


def test_the_words_of_one_person_are_not_anothers(alice: User) -> None:
    """zxcvbn keeps them in one place: a hundred judgements at once must not mix them up."""
    others = [User(username=f"wintergarden{number}", name="") for number in range(8)]

    def judged(number: int) -> bool:
        user = others[number % 8]
        try:
            validate_password("w1nterg4rden5 w1nterg4rden5"[: 13 + number % 2], user)
        except ValidationError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(judged, range(100)))
    validate_password("nine green lamps hum", alice)


def test_a_long_password_is_as_hard_as_its_harder_end(alice: User) -> None:
    validate_password("a" * 100 + "nine green lamps hum", alice)
    validate_password("nine green lamps hum" + "a" * 100, alice)


def test_a_long_password_is_judged_soon(alice: User) -> None:
    import time

    began: Any = time.monotonic()
    with pytest.raises(ValidationError):
        validate_password("ab" * 2048, alice)
    assert time.monotonic() - began < 60
