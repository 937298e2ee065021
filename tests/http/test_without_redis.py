"""Nothing is decided by the absence of the cache. Redis is down in each test here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from accounts.errors import LOGIN_FAILED
from accounts.login import flow
from accounts.models import Event, Source, StoredSession, User
from accounts.session import people
from accounts.source import outage
from tests.http.conftest import begin, enter, sign_in
from tests.peers.dead_cache import dead_cache
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


@pytest.fixture(autouse=True)
def _redis_is_down(house: None) -> Iterator[None]:
    with dead_cache():
        yield


def test_people_come_in_go_on_and_leave(client: Client, person: User) -> None:
    assert sign_in(client)["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    assert client.get("/auth/session").json()["user"]["username"] == "alice"
    client.post("/auth/logout")
    assert client.get("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}
    assert not StoredSession.objects.exists()


def test_an_answer_is_let_through_and_its_state_still_makes_one_session(
    client: Client, tenant: Tenant
) -> None:
    tenant()
    asked = begin(client, "town")
    answer = {"code": "bob", "state": asked["state"]}
    cookies = client.cookies.copy()
    assert flow.claim(asked["state"])
    assert client.get("/auth/callback/town", answer)["Location"] == "/account/"
    twin = Client()
    twin.cookies = cookies
    twin.get("/auth/callback/town", answer)
    assert StoredSession.objects.count() == 1


def test_trouble_is_not_told_and_stops_nobody(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    peer.mood = "failing"
    assert "/login/failed/" in enter(client, "town")["Location"]
    assert outage.since(["town"]) == {}
    assert client.get("/login").status_code == 200
    peer.mood = "live"
    assert enter(client, "town")["Location"] == "/account/"


def test_a_stranger_is_asked_about_again(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    client.cookies["TENANT"] = "wrong"
    for _ in range(2):
        assert client.get("/login").status_code == 200
    assert peer.asked["/cookie"] == 2
    client.cookies["TENANT"] = "carol"
    assert client.get("/login", {"next": "/account/"})["Location"] == "/account/"


def test_a_wrong_password_is_refused_alike(client: Client, person: User) -> None:
    assert sign_in(client, password="a wrong guess").status_code == 400
    assert Event.objects.get().reason == LOGIN_FAILED


def test_readiness_names_the_cache(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["cache"]) == (503, "unavailable")


def test_whoever_is_let_in_meanwhile_is_let_in(client: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(status=User.Status.AWAITING_ACCESS)
    sign_in(client)
    assert client.get("/auth/session").json()["status"] == "awaiting_access"
    people.admit(person)
    assert client.get("/auth/session").json()["status"] == "active"
