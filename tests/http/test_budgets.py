"""Budgets for strangers: who fails too often costs no row and no call (docs/threats.md, U02)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.login import lockout
from accounts.models import Event, Source, StoredSession, User
from accounts.provider import Visit
from accounts.source import outage
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
BUDGET = lockout.STRANGER.amount
HERE, ELSEWHERE = Visit(address="127.0.0.1"), "198.51.100.9"


def forged(client: Client, number: int = 0, slug: str = "town") -> Any:
    return client.get(f"/auth/callback/{slug}", {"code": "x", "state": f"made-up-{number}"})


def test_forged_answers_beyond_the_budget_cost_no_row_and_no_call(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    for number in range(BUDGET):
        assert forged(client, number).status_code == 303
    lockout.spend_budget(HERE, "town", BUDGET - 1)
    assert enter(client, "town", "wrong").status_code == 303
    rows, calls = Event.objects.count(), peer.asked.total()
    for answer in (forged(client), enter(client, "town", "wrong"), enter(client, "town")):
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= 300
    assert (Event.objects.count(), peer.asked.total()) == (rows, calls)
    other = Client(REMOTE_ADDR=ELSEWHERE)
    assert enter(other, "town")["Location"] == "/account/"
    tenant("village")  # what one upstream was asked in vain says nothing to another
    assert enter(client, "village")["Location"] == "/account/"


@pytest.mark.parametrize("unsolicited", [False, True])
def test_what_a_page_of_another_site_can_send_shuts_nobody_out(
    client: Client, tenant: Tenant, unsolicited: bool
) -> None:
    """E16: its images and forms bring no cookie of ours, so a browser fails without its person."""
    tenant(unsolicited=unsolicited, form_post=True)
    lockout.spend_budget(HERE, "town", BUDGET - 1)
    sent = [
        forged(Client()),
        forged(Client(), slug="local"),
        Client().get("/auth/callback/town?state=x&state=y"),
        Client().post("/auth/callback/town", {"code": "x" * 5000}),
    ]
    assert {each.status_code for each in sent} == {303}
    assert enter(client, "town")["Location"] == "/account/"


def test_a_browser_that_has_signed_in_before_is_no_stranger(client: Client, tenant: Tenant) -> None:
    tenant()
    enter(client, "town")
    client.post("/auth/logout")
    lockout.spend_budget(HERE, "town", BUDGET)
    assert enter(Client(), "town").status_code == 429
    assert enter(client, "town")["Location"] == "/account/"


@pytest.mark.parametrize("cookie", [False, True])
def test_whom_an_upstream_vouches_for_and_the_site_refuses_costs_others_nothing(
    client: Client, tenant: Tenant, peer: Upstream, cookie: bool
) -> None:
    tenant(unsolicited=cookie)
    lockout.spend_budget(HERE, "town", BUDGET - 1)
    peer.extra = {"denied": "not-authorized"}

    def come(browser: Client, name: str) -> str:
        if not cookie:
            return str(enter(browser, "town", name)["Location"])
        browser.cookies["TENANTabc"] = name
        assert browser.get("/login").status_code == 200
        return str(browser.get("/auth/callback/town")["Location"])

    for number in range(3):
        assert come(Client(), f"pupil{number}").startswith("/login/failed/")
    assert Event.objects.get().count == 3
    peer.extra = {}
    assert come(client, "teacher") == "/account/"


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
