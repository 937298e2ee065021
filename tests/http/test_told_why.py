"""Whoever was signed out by somebody else is told by whom on the next click, and once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from time_machine import travel

from accounts.models import Farewell, Source, StoredSession, User
from accounts.session import people
from tests.http.conftest import PASSWORD, enter, sign_in, stored
from tests.http.passwords import ask, change, choose, link_in, opened
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
Tenant = Callable[..., Source]
SOURCE = b"your session ended where you had signed in"
ADMINISTRATOR = b"by an administrator of this site"
NEW_PASSWORD = b"your password was changed"
ELSEWHERE = b"from another of your devices"
CLOSED = b"your account was closed"


@pytest.fixture
def alice(person: User) -> Client:
    own = Client()
    sign_in(own)
    return own


@pytest.fixture
def admin(house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD)
    own = Client()
    sign_in(own, "ada")
    return own


def told(client: Client) -> bytes:
    """Click, and return the page that one lands on."""
    fresh.feed()
    response = client.get("/account/")
    assert response.status_code == 302, response.content
    return client.get(response["Location"]).content


def test_by_an_administrator(alice: Client, admin: Client) -> None:
    chosen = {"action": "end_sessions", "_selected_action": stored(alice).uid}
    admin.post("/admin/accounts/storedsession/", chosen)
    assert ADMINISTRATOR in told(alice)


def test_by_an_administrator_who_takes_a_way_in_away(alice: Client, admin: Client) -> None:
    identity = stored(alice).user.identities.get()  # type: ignore[union-attr]
    admin.post(f"/admin/accounts/identity/{identity.pk}/delete/", {"post": "yes", "reason": "x"})
    assert ADMINISTRATOR in told(alice)


def test_whose_account_was_disabled(alice: Client) -> None:
    people.disable(User.objects.get(username="alice"))
    assert CLOSED in told(alice)


def test_whose_account_was_deleted(alice: Client, admin: Client) -> None:
    row = User.objects.get(username="alice")
    admin.post(f"/admin/accounts/user/{row.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=row.pk).exists()
    assert CLOSED in told(alice)


def test_by_themselves_on_another_device(alice: Client) -> None:
    other = Client()
    sign_in(other)
    other.post("/account/sessions", {"end": stored(alice).uid})
    assert ELSEWHERE in told(alice)


def test_by_themselves_everywhere_else(alice: Client) -> None:
    other = Client()
    sign_in(other)
    other.post("/account/sessions", {"end": "others"})
    assert ELSEWHERE in told(alice)
    assert other.get("/account/").status_code == 200


def test_since_the_password_was_changed(alice: Client) -> None:
    other = Client()
    sign_in(other)
    assert change(other).status_code == 303
    assert NEW_PASSWORD in told(alice)


def test_since_the_password_was_set_by_a_link(alice: Client, mailoutbox: list[Any]) -> None:
    ask(Client(), "alice")
    other = Client()
    choose(other, opened(other, link_in(mailoutbox[-1])))
    assert NEW_PASSWORD in told(alice)


def test_by_a_source_that_refuses_to_renew(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    enter(client, "town")
    peer.refuses = {"/refresh"}
    with travel(timezone.now() + timedelta(seconds=290), tick=True):
        assert SOURCE in told(client)


@pytest.mark.parametrize("page", ["/", "/login"])
def test_the_open_pages_say_it_as_well_and_once(alice: Client, page: str) -> None:
    people.end_all(User.objects.get(username="alice").pk, "status changed")
    fresh.feed()
    assert ADMINISTRATOR in alice.get(page).content
    assert ADMINISTRATOR not in alice.get(page).content


def test_a_script_that_asks_first_takes_the_word_from_nobody(alice: Client) -> None:
    people.end_all(User.objects.get(username="alice").pk, "status changed")
    fresh.feed()
    assert alice.get("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}
    assert alice.cookies["vestibule"].value == ""
    assert "alice" not in str(alice.cookies["vestibule-why"])
    assert ADMINISTRATOR in alice.get("/").content
    assert ADMINISTRATOR not in alice.get("/").content


def test_who_has_signed_in_again_is_told_nothing(alice: Client) -> None:
    people.end_all(User.objects.get(username="alice").pk, "status changed")
    fresh.feed()
    alice.get("/auth/session")
    sign_in(alice)
    assert ADMINISTRATOR not in alice.get("/account/").content
    alice.post("/auth/logout")
    assert ADMINISTRATOR not in alice.get("/").content


def test_it_is_told_days_later_and_then_forgotten(alice: Client) -> None:
    people.end_all(User.objects.get(username="alice").pk, "status changed")
    with travel(timezone.now() + timedelta(days=6), tick=True):
        call_command("clear_expired")
        assert ADMINISTRATOR in told(alice)
    with travel(timezone.now() + timedelta(days=8), tick=True):
        call_command("clear_expired")
        assert not Farewell.objects.exists()


def test_who_leaves_by_themselves_and_devices_have_no_word(alice: Client) -> None:
    row = stored(alice)
    StoredSession.objects.create(
        session_key="0" * 64, kind="client", user=row.user, session_data="x",
        expire_date=row.expire_date,
    )  # fmt: skip
    alice.post("/auth/logout")
    assert not Farewell.objects.exists()
    people.end_all(User.objects.get(username="alice").pk, "status changed")
    assert not Farewell.objects.exists()


def test_what_is_kept_names_nobody(alice: Client) -> None:
    people.end_all(User.objects.get(username="alice").pk, "status changed")
    names = {field.name for field in Farewell._meta.get_fields()}
    assert names == {"key", "why", "expires_at"}
