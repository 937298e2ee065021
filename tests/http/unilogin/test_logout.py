"""Leaving by the chart's Unilogin edges: the broker is called, and decides nothing here."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import conf, outbox
from accounts.logout import chart
from accounts.models import Event, OutboxItem, StoredSession, StoredTokens
from accounts.provider import Visit
from accounts.session.vault import tokens_of
from providers.oidc import discovery
from providers.unilogin import provider
from tests.chart.mermaid import edges
from tests.http.unilogin.conftest import Make, later, typed
from tests.http.unilogin.liar import Liar
from tests.http.unilogin.standin import Browser, Standin, outbound
from tests.peers import fresh, patience
from tests.peers.tampering import REMOVED, Page, page

pytestmark = pytest.mark.django_db(transaction=True)

DONE = "http://localhost:8000/auth/logout/done"
WALK = [
    *("UserClicksLogout", "RedirectToLogoutEndpoint", "SessionExist", "CheckType", "IsUnilogin"),
    *("CallUniloginLogout", "DestroySession", "RedirectToFrontpage"),
]


@pytest.fixture
def ida(browser: Browser, source: Make) -> Browser:
    source()
    browser.enter("Ida")
    return browser


def assert_gone(browser: Browser) -> None:
    assert browser.session() == {"isLoggedIn": False, "type": "anonymous"}
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()


def test_leaving_ends_the_session_at_the_broker_and_here(ida: Browser, standin: Standin) -> None:
    assert standin.signed_in() == {"Ida"}
    with outbound() as called:
        response = ida.leave()
        assert called() == ["logout"]
    assert (response.status_code, response["Location"]) == (303, "/")
    assert standin.signed_in() == set()
    assert not OutboxItem.objects.exists()
    assert_gone(ida)
    assert ida.site.get("/").context["receipt"]["upstream"] == "ended"


def test_the_call_has_the_hint_and_our_name_and_no_way_back(
    client: Client, source: Make, liar: Liar
) -> None:
    source(**liar.settings())
    liar.enter(client)
    tokens = tokens_of(typed(Browser(client)).uid)
    client.post("/auth/logout")
    assert tokens is not None
    assert liar.left == [
        {"id_token_hint": tokens.id_token, "client_id": liar.settings()["client_id"]}
    ]


@pytest.mark.parametrize("trouble", ["normal", "down", "slow"])
def test_each_step_is_one_that_the_seed_draws(ida: Browser, standin: Standin, trouble: str) -> None:
    standin.trouble(trouble)
    departure = chart.leave(typed(ida), Visit(), {}, DONE)
    assert list(departure.nodes) == WALK
    assert set(pairwise(departure.nodes)) <= edges()
    assert departure.visit == ""


@pytest.mark.parametrize("trouble", ["down", "slow"])
def test_a_broker_in_trouble_keeps_nobody_signed_in_and_is_told_later(
    ida: Browser, standin: Standin, trouble: str
) -> None:
    standin.trouble(trouble)
    response = ida.leave()
    assert (response.status_code, response["Location"]) == (303, "/")
    assert_gone(ida)
    assert standin.signed_in() == {"Ida"}
    item = OutboxItem.objects.get()
    assert not re.search(r"eyJ[\w-]+\.eyJ", item.sealed), "no token can be read"
    assert ida.site.get("/").context["receipt"]["upstream"] == "pending"
    with later(60):
        assert outbox.deliver_due(timezone.now()) == 0
    standin.trouble("normal")
    with later(300):
        assert outbox.deliver_due(timezone.now()) == 1
    assert standin.signed_in() == set()
    assert not OutboxItem.objects.exists()
    assert Event.objects.filter(name="logout.delivered").count() == 1


def test_a_broker_that_is_gone_and_of_which_nothing_is_known(
    ida: Browser, standin: Standin
) -> None:
    standin.stop()
    discovery.kept.clear()
    fresh.caches()
    assert ida.leave()["Location"] == "/"
    assert_gone(ida)
    assert OutboxItem.objects.count() == 1
    standin.start()
    with later(300):
        assert outbox.deliver_due(timezone.now()) == 1
    assert standin.signed_in() == set()


def test_who_leaves_waits_for_a_document_no_longer_than_for_the_call(
    client: Client, source: Make, liar: Liar, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "LOGOUT_SECONDS", 0.3)
    source(**liar.settings())
    liar.enter(client)
    discovery.kept.clear()
    fresh.caches()
    liar.op.answers[".well-known/openid-configuration"] = page(200, after=16)
    settings.VESTIBULE_HTTP_DEADLINE = patience.LONG
    conf.read_anew()
    began = time.monotonic()
    client.post("/auth/logout")
    assert time.monotonic() - began < 16
    assert OutboxItem.objects.count() == 1
    assert_gone(Browser(client))


@pytest.mark.parametrize("again", ["by-it", "by-another", "not-yet"])
def test_a_logout_that_waits_ends_no_session_that_came_after(
    client: Client, source: Make, liar: Liar, again: str
) -> None:
    """A broker keeps the `sid` for whoever signs in once more in the same browser."""
    source(**liar.settings())
    liar.enter(client)
    good, liar.op.answers["end_session"] = liar.op.answers["end_session"], page(503)
    client.post("/auth/logout")
    liar.op.answers["end_session"] = good
    if again == "by-another":
        liar.op.claims["sid"] = "another"
    if again != "not-yet":
        assert liar.enter(client)["Location"] == "/account/"
    with later(60):
        done = outbox.deliver_due(timezone.now())
        assert done == len(liar.left) == (0 if again == "by-it" else 1)
    assert not OutboxItem.objects.exists()
    name = "logout.superseded" if again == "by-it" else "logout.delivered"
    [told] = Event.objects.filter(name__startswith="logout.")
    left = Event.objects.get(name="logout")
    assert (told.name, told.support_code) == (name, left.support_code)


ANSWERS: dict[str, tuple[Page, bool]] = {
    "200": (page(200, b"<html>"), True),
    "204": (page(204), True),
    "302": (page(302, b"", "https://elsewhere.example/"), True),
    "400": (page(400), False),
    "403": (page(403), False),
    "500": (page(500), False),
    "503": (page(503), False),
}


@pytest.mark.parametrize(("answer", "ended"), ANSWERS.values(), ids=ANSWERS)
def test_what_the_broker_answers_decides_only_whether_it_is_told_again(
    client: Client, source: Make, liar: Liar, answer: Page, ended: bool
) -> None:
    source(**liar.settings())
    liar.enter(client)
    liar.op.answers["end_session"] = answer
    assert client.post("/auth/logout")["Location"] == "/"
    assert OutboxItem.objects.exists() is not ended
    assert_gone(Browser(client))


def test_a_broker_without_a_logout_is_not_told(client: Client, source: Make, liar: Liar) -> None:
    liar.op.document["end_session_endpoint"] = REMOVED
    source(**liar.settings())
    liar.enter(client)
    assert client.post("/auth/logout")["Location"] == "/"
    assert not OutboxItem.objects.exists()
    assert_gone(Browser(client))


@pytest.mark.parametrize("path", ["/auth/logout", "/session/logout"])
def test_who_leaves_with_tokens_that_are_due_leaves_the_broker_too(
    client: Client, source: Make, liar: Liar, path: str
) -> None:
    source(**liar.settings())
    liar.enter(client)
    liar.op.answers["token"] = page(400, b'{"error": "invalid_grant"}')
    with later(275):
        client.post(path)
    assert len(liar.left) == 1
    assert_gone(Browser(client))


def test_leaving_twice_calls_once(ida: Browser) -> None:
    with outbound() as called:
        ida.leave()
        assert ida.leave()["Location"] == "/"
        assert called() == ["logout"]


def test_a_logout_without_a_browser_calls_the_broker_too(ida: Browser, standin: Standin) -> None:
    departure = chart.leave_by_api(typed(ida), Visit(), {}, "")
    assert (departure.upstream, departure.visit) == ("ended", "")
    assert standin.signed_in() == set()
    assert_gone(ida)


def test_one_of_two_browsers_leaves_and_the_other_stays(source: Make, standin: Standin) -> None:
    source()
    one, two = Browser(Client()), Browser(Client())
    one.enter("Ida")
    two.enter("Tove")
    one.leave()
    assert two.session()["user"]["username"] == "tove1234"
    assert standin.signed_in() == {"Tove"}


def test_whoever_left_comes_in_again_only_by_the_broker(ida: Browser) -> None:
    ida.leave()
    page_of_choice: Any = ida.site.get("/login")
    assert page_of_choice.status_code == 200
    assert ida.enter("Tove")["Location"] == "/account/"
    assert ida.session()["user"]["username"] == "tove1234"
