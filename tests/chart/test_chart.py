"""Logout against the seed's own flowchart: no way out that it does not draw, each edge walked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from accounts import outbox
from accounts.logout import chart
from accounts.models import EndedEntry, Event, OutboxItem, Source, StoredSession, StoredTokens, User
from accounts.provider import UNKNOWN, Visit
from accounts.session.ending import end
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from accounts.source import catalogue
from tests.chart.mermaid import edges
from tests.http.conftest import enter, sign_in, stored
from tests.http.oidc.conftest import parallel
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)

# Edges that the person's browser walks at the CMS, after our last answer.
BY_THE_BROWSER = {
    ("RedirectToAdgangsplatformenLogout", "LogoutRemoteAdgangsplatformen"),
    ("LogoutRemoteAdgangsplatformen", "RedirectBackToGo"),
}
MOODS = ("live", "failing", "hanging")


def typed(client: Client) -> Session:
    return SessionStore(client.cookies["vestibule"].value).typed


def leave(session: Session) -> chart.Departure:
    """Leave, and hold every step to the seed."""
    departure = chart.leave(session, Visit(), {}, "http://localhost:8000/auth/logout/done")
    steps = set(pairwise(departure.nodes))
    assert steps <= edges(), steps - edges()
    return departure


def assert_gone(departure: chart.Departure) -> None:
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()
    assert Event.objects.filter(name="logout", support_code=departure.support_code).count() == 1


def test_the_seed_still_draws_what_we_built() -> None:
    assert len(edges()) == 15
    assert ("IsUnilogin", "CallUniloginLogout") in edges()


def test_whoever_is_not_signed_in_lands_on_the_front_page() -> None:
    departure = leave(Session())
    assert departure.nodes[-1] == "RedirectToFrontpage"
    assert departure.upstream == chart.NONE
    assert not Event.objects.exists()


def test_a_local_session_takes_unknown_and_calls_nobody(client: Client, person: User) -> None:
    sign_in(client)
    departure = leave(typed(client))
    assert departure.nodes[-3:] == ("IsUnknown", "DestroySession", "RedirectToFrontpage")
    assert (departure.visit, departure.upstream) == ("", chart.NONE)
    assert_gone(departure)


def test_a_session_that_cannot_be_read_takes_unknown(client: Client, person: User) -> None:
    sign_in(client)
    StoredSession.objects.update(session_data="broken")
    caches["sessions"].clear()
    session = typed(client)
    assert session.type == UNKNOWN
    departure = leave(session)
    assert "IsUnknown" in departure.nodes
    assert_gone(departure)


@pytest.mark.parametrize("mood", MOODS)
def test_call_then_destroy(
    client: Client, tenant: Callable[..., Source], peer: Upstream, mood: str, monkeypatch: Any
) -> None:
    tenant(leaves_by="call")
    enter(client, "town")
    peer.mood = mood
    calls: list[int] = []
    monkeypatch.setattr(chart, "end", lambda rows: calls.append(peer.asked["/end"]) or end(rows))
    departure = leave(typed(client))
    assert calls == [1], "called once, before the end"
    assert departure.nodes[-4:] == (
        "IsUnilogin", "CallUniloginLogout", "DestroySession", "RedirectToFrontpage",
    )  # fmt: skip
    assert departure.visit == ""
    assert departure.upstream == (chart.ENDED if mood == "live" else chart.PENDING)
    assert OutboxItem.objects.count() == (0 if mood == "live" else 1)
    assert_gone(departure)


@pytest.mark.parametrize("mood", MOODS)
def test_destroy_then_visit(
    client: Client, tenant: Callable[..., Source], peer: Upstream, mood: str
) -> None:
    tenant(leaves_by="visit")
    enter(client, "town")
    peer.mood = mood
    departure = leave(typed(client))
    assert departure.visit.startswith(f"{peer.url}/logout?return_to=http%3A%2F%2Flocalhost")
    assert departure.nodes[-1] == "RedirectToAdgangsplatformenLogout"
    assert_gone(departure)


def test_a_provider_with_a_defect_keeps_nobody_signed_in(
    client: Client, tenant: Callable[..., Source]
) -> None:
    tenant(leaves_by="raise")
    enter(client, "town")
    departure = leave(typed(client))
    assert "IsUnknown" in departure.nodes
    assert_gone(departure)


def test_a_source_that_was_deleted_since_keeps_nobody_signed_in(
    client: Client, person: User, tenant: Callable[..., Source]
) -> None:
    tenant(leaves_by="call")
    enter(client, "town")
    session = typed(client)
    row = Source.objects.get(slug="town")
    row.identities.all().delete()
    catalogue.delete(row)
    assert_gone(leave(session))


def test_a_disabled_source_is_still_left_by_its_own_way(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="call")
    enter(client, "town")
    session = typed(client)
    tenant(columns={"enabled": False}, leaves_by="call")
    assert leave(session).upstream == chart.ENDED
    assert peer.hints == ["it-bob"]


@pytest.mark.parametrize("way", ["call", "visit", "nothing"])
def test_of_two_who_leave_at_once_one_ends_the_session(
    client: Client, tenant: Callable[..., Source], peer: Upstream, monkeypatch: Any, way: str
) -> None:
    tenant(leaves_by=way)
    enter(client, "town")
    session, both, tokens_of = typed(client), Barrier(2), chart.vault.tokens_of

    def held_by_both(uid: str) -> Any:
        """Let neither go on before both have found the session."""
        tokens = tokens_of(uid)
        both.wait(30)
        return tokens

    monkeypatch.setattr(chart.vault, "tokens_of", held_by_both)
    first, second = parallel(2, lambda: leave(session))
    assert first.nodes == second.nodes
    assert set(peer.hints) == ({"it-bob"} if way == "call" else set())
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()
    assert EndedEntry.objects.filter(kind="session", value=session.uid).count() == 1
    assert Event.objects.filter(name="logout", user__isnull=False).count() == 1


def test_the_outbox_delivers_what_failed(
    client: Client, tenant: Callable[..., Source], peer: Upstream, monkeypatch: Any
) -> None:
    tenant(leaves_by="call")
    enter(client, "town")
    peer.mood = "failing"
    departure = leave(typed(client))
    item = OutboxItem.objects.get()
    assert "it-bob" not in item.sealed
    assert outbox.deliver_due(item.created_at) == 0
    peer.mood = "live"
    assert outbox.deliver_due(item.next_at) == 1
    assert peer.hints == ["it-bob"]
    assert not OutboxItem.objects.exists()
    trail = Event.objects.filter(support_code=departure.support_code)
    assert {event.name for event in trail} == {"logout", "logout.delivered"}


def test_a_logout_that_waits_without_a_sid_ends_nothing_of_who_came_again(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="call")
    enter(client, "town")
    peer.mood = "failing"
    leave(typed(client))
    peer.mood = "live"
    item = OutboxItem.objects.get()
    enter(client, "town")
    assert outbox.deliver_due(item.next_at) == 0
    assert peer.hints == []
    assert Event.objects.filter(name="logout.superseded").count() == 1


def test_the_outbox_waits_longer_each_time_and_gives_up_after_a_day(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="call")
    enter(client, "town")
    peer.mood = "failing"
    leave(typed(client))
    waits = []
    for _ in range(3):
        item = OutboxItem.objects.get()
        outbox.deliver_due(item.next_at)
        waits.append(OutboxItem.objects.get().next_at - item.next_at)
    assert all(shorter < longer for shorter, longer in pairwise(waits))
    item = OutboxItem.objects.get()
    assert item.give_up_at - item.created_at == timedelta(days=1)
    OutboxItem.objects.update(next_at=item.give_up_at)
    assert outbox.deliver_due(item.give_up_at) == 0
    assert not OutboxItem.objects.exists()
    assert Event.objects.filter(name="logout.given_up").exists()


def test_a_stored_session_names_its_type_source_and_issuer(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant()
    enter(client, "town")
    row = stored(client)
    assert (row.type, row.source, row.issuer) == ("tenant", "town", peer.url)


def test_every_edge_of_the_seed_is_walked(
    client: Client, tenant: Callable[..., Source], person: User
) -> None:
    walks = [leave(Session())]
    sign_in(client)
    walks.append(leave(typed(client)))
    for way in ("call", "visit"):
        tenant(leaves_by=way)
        enter(client, "town")
        walks.append(leave(typed(client)))
    walked = {step for departure in walks for step in pairwise(departure.nodes)}
    assert walked == edges() - BY_THE_BROWSER
