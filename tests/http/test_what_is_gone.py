"""What is gone is told as gone: a session that was left, tokens, the source of an outbox item."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import outbox
from accounts.models import Event, Identity, OutboxItem, Source, StoredTokens, User
from accounts.provider import TokenSet
from accounts.source import catalogue
from tests.http.conftest import at_most, enter, sign_in
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


def test_a_session_that_is_left_twice_at_once_is_one_event(client: Client, person: User) -> None:
    sign_in(client)
    cookies, start = client.cookies.copy(), threading.Barrier(8)

    def leave(_number: int) -> int:
        own = Client()
        own.cookies = cookies.copy()
        start.wait()
        try:
            return own.post("/auth/logout").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(leave, range(8))) == {303}
    assert Event.objects.filter(name="logout").count() == 1


def test_a_logout_that_lost_its_source_is_given_up_and_not_delivered(tenant: Tenant) -> None:
    row = tenant(leaves_by="call")
    outbox.post_logout("town", TokenSet(id_token="hint"), "BCDF-2345")
    catalogue.delete(row)
    fresh.sources()
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert outbox.deliver_due(timezone.now()) == 0
    assert not OutboxItem.objects.exists()
    told = Event.objects.get()
    assert (told.name, told.support_code) == ("logout.given_up", "BCDF-2345")
    assert told.detail == "The source is gone."


def test_a_mail_that_lost_its_source_is_given_up(house: None) -> None:
    outbox.post_mail("nowhere", {"uid": "x"})
    fresh.delivered()
    assert not OutboxItem.objects.exists()
    assert Event.objects.get().name == "mail.given_up"


@pytest.fixture
def bob(tenant: Tenant) -> Client:
    tenant(columns={"allow_upstream_token": True})
    own = Client()
    enter(own, "town")
    return own


def test_tokens_that_are_gone_are_no_passing_trouble(bob: Client) -> None:
    StoredTokens.objects.all().delete()
    answer = bob.get("/auth/upstream-token")
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    assert "gone" in answer.json()["error_description"]


def test_tokens_that_are_gone_are_not_looked_for_at_each_request(
    bob: Client, peer: Upstream
) -> None:
    StoredTokens.objects.all().delete()
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert bob.get("/account/").status_code == 200
        assert bob.get("/auth/session").json()["isLoggedIn"] is True
        with at_most(2):  # the feed, and where there is no cache the session
            assert bob.get("/auth/session").json()["isLoggedIn"] is True
    assert peer.asked["/refresh"] == 0
    assert Identity.objects.filter(subject="bob").exists()
