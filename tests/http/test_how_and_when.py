"""The typed session keeps how and when a person proved who they are (OIDC Core, 2)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Source, User
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from tests.http.conftest import enter, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def typed(client: Client) -> Session:
    return SessionStore(client.cookies["vestibule"].value).typed


def test_a_password_is_one_means_and_counts_from_now(client: Client, person: User) -> None:
    before = int(time.time())
    sign_in(client)
    session = typed(client)
    assert (list(session.amr), session.acr) == (["pwd"], "low")
    assert before <= session.auth_time <= time.time()


def test_what_another_source_tells_is_kept(client: Client, tenant: Callable[..., Source]) -> None:
    tenant("town")
    before = int(time.time())
    enter(client, "town")
    session = typed(client)
    assert list(session.amr) == []
    assert before <= session.auth_time <= time.time()


def test_neither_is_told_to_the_page(client: Client, person: User) -> None:
    sign_in(client)
    assert not {"amr", "acr", "auth_time"} & client.get("/auth/session").json().keys()
