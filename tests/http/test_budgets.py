"""Budgets for strangers: who fails too often costs no row and no call (docs/threats.md, U02)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.login import lockout
from accounts.models import Event, Source, StoredSession, User
from accounts.source import outage
from tests.http.conftest import PASSWORD, begin, enter, sign_in
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
BUDGET = lockout.STRANGER.amount
ELSEWHERE = "198.51.100.9"


def forged(client: Client, number: int, **extra: str) -> Any:
    answer = {"code": "x", "state": f"made-up-{number}"}
    return client.get("/auth/callback/town", answer, **extra)


def used_up(client: Client) -> None:
    for number in range(BUDGET):
        assert forged(client, number).status_code == 303


def test_forged_answers_beyond_the_budget_cost_no_row_and_no_call(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    used_up(client)
    asked = begin(client, "town")
    rows, calls = Event.objects.count(), peer.asked.total()
    refused = [forged(client, 0)]
    refused.append(client.get("/auth/callback/town", {"code": "wrong", "state": asked["state"]}))
    for answer in refused:
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= 300
    assert (Event.objects.count(), peer.asked.total()) == (rows, calls)
    other = Client(REMOTE_ADDR=ELSEWHERE)
    assert enter(other, "town")["Location"] == "/account/"


def test_a_browser_that_has_signed_in_before_is_no_stranger(client: Client, tenant: Tenant) -> None:
    tenant()
    enter(client, "town")
    client.post("/auth/logout")
    used_up(Client())
    assert enter(client, "town")["Location"] == "/account/"


@pytest.mark.parametrize("path", ["/login", "/auth/callback/town", "/auth/login/town"])
def test_invented_cookies_beyond_the_budget_cost_no_call(
    client: Client, tenant: Tenant, peer: Upstream, path: str
) -> None:
    tenant(unsolicited=True)
    peer.refuses = {"/cookie"}
    for number in range(BUDGET + 20):
        Client(headers={"Cookie": f"TENANT1=invented-{number}"}).get(path)
    calls, rows = peer.asked.total(), Event.objects.count()
    assert calls <= BUDGET
    for number in range(20):
        Client(headers={"Cookie": f"TENANT1=more-{number}"}).get(path)
    assert (peer.asked.total(), Event.objects.count()) == (calls, rows)


def test_guesses_of_who_is_locked_out_cost_one_row(client: Client, person: User) -> None:
    for _ in range(5):
        sign_in(client, password="wrong")  # a guess
    rows = Event.objects.count()
    first = sign_in(client, password="wrong")  # a guess
    told = Event.objects.get(reason="locked-out")
    assert (first.status_code, first.context["problem"]["code"]) == (429, told.support_code)
    for _ in range(20):
        answer = sign_in(client, password="wrong")  # a guess
        assert (answer.status_code, answer.context["problem"]["code"]) == (429, "")
    basic = {"username": "alice", "password": PASSWORD}
    assert client.post("/session/login", basic).status_code == 429
    assert Event.objects.count() == rows + 1
    assert not StoredSession.objects.exists()


@pytest.mark.remembers
def test_real_trouble_is_told_and_uses_no_budget(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    peer.mood = "failing"
    for _ in range(BUDGET + 2):
        assert enter(client, "town").status_code == 303
    assert list(outage.since(["town"])) == ["town"]
