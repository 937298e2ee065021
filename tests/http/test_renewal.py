"""The vault at work: tokens refreshed once when due, sessions that follow their upstream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.errors import InvalidGrant
from accounts.models import Event, Source, StoredSession, StoredTokens
from accounts.session import vault
from accounts.session.store import SessionStore
from tests.http.conftest import enter
from tests.http.test_way_in import parallel
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


def later(seconds: int, *, tick: bool = True) -> Any:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=tick)


def typed(client: Client) -> Any:
    return SessionStore(client.cookies["vestibule"].value).typed


def logged_in(client: Client) -> bool:
    return bool(client.get("/auth/session").json()["isLoggedIn"])


def test_nothing_is_asked_while_nothing_is_due(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    enter(client, "town")
    asked = peer.asked.total()
    for _ in range(3):
        assert logged_in(client)
    assert peer.asked.total() == asked


def test_tokens_are_refreshed_once_when_due(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    enter(client, "town")
    with later(275):
        for _ in range(3):
            assert logged_in(client)
        assert peer.asked["/refresh"] == 1
        tokens = vault.tokens_of(typed(client).uid)
    assert tokens is not None
    assert (tokens.access_token, tokens.refresh_token) == ("at-2", "rt-bob")
    assert "at-bob" not in StoredTokens.objects.get().sealed


def test_fifty_parallel_callers_spend_one_refresh_token_once(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    enter(client, "town")
    session = typed(client)
    with later(275):
        results = parallel(50, lambda: vault.fresh(session))
    assert {tokens.access_token for tokens in results} == {"at-2"}
    assert peer.asked["/refresh"] == 1


def test_fifty_parallel_requests_spend_one_refresh_token_once(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    enter(client, "town")
    cookie = client.cookies["vestibule"].value

    def ask() -> bool:
        mine = Client()
        mine.cookies["vestibule"] = cookie
        return logged_in(mine)

    with later(275):
        assert all(parallel(50, ask))
    assert peer.asked["/refresh"] == 1


def test_an_upstream_that_refuses_ends_the_session(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    enter(client, "town")
    session = typed(client)
    peer.refuses = {"/refresh"}
    with later(275):
        assert not logged_in(client)
        assert client.cookies["vestibule"].value == ""
    assert not StoredSession.objects.exists()
    assert Event.objects.get(name="session.ended").detail == "the upstream refused to renew it"
    assert vault.fresh(session) is None


def test_refused_callers_are_told(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    enter(client, "town")
    peer.refuses = {"/refresh"}
    with later(275), pytest.raises(InvalidGrant):
        vault.fresh(typed(client))


@pytest.mark.parametrize("mood", ["failing", "hanging"])
def test_an_upstream_that_is_down_ends_nothing_and_is_left_alone_for_a_while(
    client: Client, tenant: Tenant, peer: Upstream, mood: str
) -> None:
    tenant()
    enter(client, "town")
    peer.mood = mood
    with later(275, tick=False):  # so much may take longer than that while on a busy machine
        for _ in range(5):
            assert logged_in(client)
    assert peer.asked["/refresh"] == 1
    peer.mood = "live"
    with later(400):
        assert logged_in(client)
    assert peer.asked["/refresh"] == 2


def test_a_dead_token_that_nothing_renews_is_dropped_and_the_session_stays(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    peer.extra = {"refresh_token": ""}
    enter(client, "town")
    with later(400):
        assert logged_in(client)
        kept = vault.tokens_of(typed(client).uid)
    assert kept is not None
    assert (kept.access_token, kept.id_token) == ("", "it-bob")
    assert peer.asked["/refresh"] == 0


def test_a_session_that_ends_with_its_token_lives_on_by_refreshing(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(columns={"end_with_token": True})
    peer.extra = {"session_seconds": 300}
    enter(client, "town")
    first = StoredSession.objects.get().expire_date
    with later(275):
        assert logged_in(client)
    assert StoredSession.objects.get().expire_date > first + timedelta(seconds=200)
    with later(700):
        assert not logged_in(client)


@pytest.mark.parametrize("said", [{}, {"session_seconds": 3600}], ids=str)
def test_an_access_token_that_is_renewed_shortens_no_session(
    client: Client, tenant: Tenant, peer: Upstream, said: dict[str, int]
) -> None:
    """The upstream says nothing of the refresh token's end, as most do."""
    tenant(columns={"end_with_token": True})
    peer.extra = said
    enter(client, "town")
    before = StoredSession.objects.get().expire_date
    with later(275):
        assert logged_in(client)
    assert peer.asked["/refresh"] == 1
    assert StoredSession.objects.get().expire_date >= before
    with later(1000):  # longer than the new access token lives
        assert logged_in(client)


@pytest.mark.remembers
def test_a_source_in_trouble_says_so_before_the_click(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(columns={"note": "Maintenance until noon."})
    tenant("school")
    assert [each["trouble"] for each in client.get("/auth/sources").json()[:2]] == [None, None]
    peer.mood = "failing"
    enter(Client(), "town")
    told = {each["slug"]: each["trouble"] for each in client.get("/auth/sources").json()}
    assert told["town"]["note"] == "Maintenance until noon."
    assert told["town"]["since"]
    assert told["school"] is None
    assert "Maintenance until noon." in client.get("/login?choose=1").content.decode()
    peer.mood = "live"
    enter(Client(), "town")
    assert client.get("/auth/sources").json()[0]["trouble"] is None
