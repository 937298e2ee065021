"""Changing a password (docs/contract.md 1)."""

from __future__ import annotations

import re

import pytest
from django.test import Client, override_settings

from accounts.login import lockout
from accounts.models import Event, User
from tests.http.conftest import PASSWORD
from tests.http.passwords import (
    NEW,
    change,
    is_signed_in,
    signed_in,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("house")]


def test_a_change_ends_the_other_sessions_and_keeps_this_one(person: User) -> None:
    here, elsewhere = signed_in(person), signed_in(person)
    answer = change(here)
    assert (answer.status_code, answer["Location"]) == (303, "/account/")
    assert "Your password is changed." in here.get("/account/").content.decode()
    assert not is_signed_in(elsewhere)
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert Event.objects.filter(name="password.changed", user=person).count() == 1


def test_the_form_tells_password_managers_what_is_what(person: User) -> None:
    page = signed_in(person).get("/account/password")
    text = page.content.decode()
    assert page["Cache-Control"] == "no-store"
    assert re.findall(r'autocomplete="([a-z-]+)"', text) == [
        "username",
        "current-password",
        "new-password",
        "new-password",
    ]


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong horse battery", NEW, NEW, "This is not your present password."),
        (PASSWORD, NEW, NEW + "x", "The two passwords are not the same."),
        (PASSWORD, "short", "short", "too short"),
        (PASSWORD, "qwerty123456", "qwerty123456", "too common"),
        (PASSWORD, "alice@example.org", "alice@example.org", "too similar"),
        (PASSWORD, PASSWORD, PASSWORD, "This is the password that you have now."),
        (PASSWORD, NEW + "\0", NEW + "\0", "Null characters"),
        (PASSWORD, "x" * 4097, "x" * 4097, "at most 4096"),
        (PASSWORD, "", "", "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_changes(
    person: User, old: str, new: str, again: str, said: str
) -> None:
    here, elsewhere = signed_in(person), signed_in(person)
    answer = change(here, old, new, again)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert said in text
    assert 'role="alert"' in text
    assert 'aria-invalid="true"' in text
    described = re.findall(r'aria-describedby="([^"]+)"', text)
    assert all(f'id="{each}"' in text for ids in described for each in ids.split())
    assert all(word not in text for word in (old, new) if len(word) > 5)
    assert is_signed_in(elsewhere)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_guessing_at_the_present_password_is_locked_out_like_a_sign_in(person: User) -> None:
    here = signed_in(person)
    for _ in range(lockout.DEVICE.amount + lockout.PAIR.amount):
        assert change(here, old="wrong horse battery").status_code == 400
    answer = change(here)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 300
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_u01_strangers_who_guess_keep_no_owner_from_a_change(person: User) -> None:
    """The browser has signed in before: its guesses have a counter of their own, and an end."""
    here = signed_in(person)
    for number in range(24):
        stranger = Client(REMOTE_ADDR=f"198.51.100.{number // 4}")
        stranger.post("/auth/login/local", {"username": "alice", "password": "wrong"})
    for _ in range(3):
        assert change(here, old="wrong horse battery").status_code == 400
    assert change(here).status_code == 303


def test_a_busy_moment_says_when_to_try_again_and_costs_no_attempt(person: User) -> None:
    here = signed_in(person)
    with override_settings(VESTIBULE_HASHES_AT_ONCE=0, VESTIBULE_THREADS=0):
        for _ in range(10):
            answer = change(here)
            assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert change(here).status_code == 303


def test_who_signs_in_elsewhere_only_has_no_password_to_change(person: User) -> None:
    here = signed_in(person)
    person.set_unusable_password()
    person.save()
    page = here.get("/account/password")
    assert "You have no password here" in page.content.decode()
    assert "new-password" not in page.content.decode()
    assert "You have no password here" in change(here).content.decode()


def test_nobody_changes_a_password_without_being_signed_in(client: Client) -> None:
    answer = client.get("/account/password")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=%2Faccount%2Fpassword")


@pytest.mark.parametrize("path", ["/account/password", "/login/forgotten", "/login/reset/x/choose"])
def test_each_form_needs_the_csrf_token(person: User, path: str) -> None:
    browser = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    browser.cookies.update(signed_in(person).cookies)
    answer = browser.post(path, {"identifier": "alice", "old_password": PASSWORD})
    assert answer.status_code == 403
