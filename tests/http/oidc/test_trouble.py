"""A provider that is down, slow or lying at each step: a sentence and a code, never a 500."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.apps import apps
from django.test import Client
from django.utils import timezone

from accounts.models import StoredSession
from accounts.source import outage
from providers.oidc import discovery
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, failure
from tests.peers import network
from tests.peers.certified import Certified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

KINDS = ("500", "404", "drop", "hang", "html", "empty", "list", "redirect", "huge")


def unavailable(client: Client, response: Any) -> None:
    """Hold that a response leads to the page of an upstream in trouble."""
    event = failure(response)
    assert event.reason == "temporarily-unavailable", event.detail
    page = client.get(response["Location"])
    assert page.status_code == 503
    assert event.support_code in page.content.decode()
    assert not StoredSession.objects.exists()


def test_down_before_the_start(client: Client, source: Make, mortal: Certified) -> None:
    source(mortal)
    mortal.stop()
    unavailable(client, client.get("/auth/login/town?next=/account/sessions"))
    assert client.get("/login").status_code == 200


def test_down_before_the_start_and_back(client: Client, source: Make, mortal: Certified) -> None:
    source(mortal)
    mortal.stop()
    unavailable(client, client.get("/auth/login/town"))
    mortal.start()
    assert Browser(client).sign_in("town")["Location"] == "/account/"


def test_down_between_the_start_and_the_callback(
    client: Client, source: Make, mortal: Certified
) -> None:
    source(mortal)
    browser = Browser(client)
    answer = browser.go(browser.start("town"))
    mortal.stop()
    unavailable(client, browser.deliver(answer))


def test_a_start_does_not_need_a_provider_that_was_known_before(
    client: Client, source: Make, mortal: Certified
) -> None:
    source(mortal)
    Browser(Client()).start("town")
    mortal.stop()
    assert Browser(client).start("town").startswith(mortal.issuer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["/.well-known/openid-configuration", "/jwks", "/token", "/me"])
def test_trouble_at_each_call(
    browser: Browser, source: Make, provider: Certified, place: str, kind: str
) -> None:
    source(provider)
    if place.startswith("/.well-known"):
        provider.trouble(place, kind)
        response = browser.site.get("/auth/login/town")
    else:
        answer = browser.go(browser.start("town"))
        provider.trouble(place, kind)
        response = browser.deliver(answer)
    event = failure(response)
    # An answer that is well formed but holds nothing is a refusal and no outage.
    holds_nothing = kind == "empty" and place in {"/token", "/me"}
    expected = {"login-failed"} if holds_nothing else {"temporarily-unavailable"}
    assert {event.reason} <= expected, event.detail
    assert browser.site.get(response["Location"]).status_code in {400, 403, 503}
    assert not StoredSession.objects.exists()
    provider.heal()
    network.forget_trouble()
    discovery.kept.clear()
    assert browser.sign_in("town")["Location"] == "/account/"


@pytest.mark.remembers
def test_what_a_stranger_says_marks_no_source(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    for said in ({"error": "server_error"}, {"error": "temporarily_unavailable"}, {"code": "x"}):
        asked = parse_qs(urlsplit(browser.start("town")).query)
        answer = {"state": asked["state"][0], "iss": provider.issuer, **said}
        failure(browser.site.get("/auth/callback/town", answer))
        assert outage.since(["town"]) == {}
    answer = browser.go(browser.start("town"))
    provider.trouble("/token", "hang")
    failure(browser.deliver(answer))
    assert list(outage.since(["town"])) == ["town"]


@pytest.mark.parametrize("status", ["400", "401", "429", "503"])
@pytest.mark.parametrize("place", ["/token", "/me"])
def test_a_status_at_each_call(
    browser: Browser, source: Make, provider: Certified, place: str, status: str
) -> None:
    source(provider)
    answer = browser.go(browser.start("town"))
    provider.trouble(place, status)
    response = browser.deliver(answer)
    refused = place == "/me" and status in {"400", "401"}
    assert failure(response).reason == ("login-failed" if refused else "temporarily-unavailable")
    assert not StoredSession.objects.exists()


def test_one_source_in_trouble_leaves_the_other_alone(
    client: Client, source: Make, provider: Certified, mortal: Certified
) -> None:
    source(mortal)
    source(provider, "school")
    mortal.stop()
    for _ in range(8):
        failure(client.get("/auth/login/town"))
    assert Browser(client).sign_in("school")["Location"] == "/account/"


def test_the_keys_of_a_provider_that_went_down_are_kept(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    Browser(Client()).sign_in("town")
    provider.trouble("/jwks", "500")
    provider.trouble("/.well-known", "500")
    assert Browser(client).sign_in("town")["Location"] == "/account/"


def test_a_rotation_of_keys_is_noticed(client: Client, source: Make, provider: Certified) -> None:
    source(provider)
    Browser(Client()).sign_in("town")
    provider.forget_requests()
    provider.rotate_keys(drop=True)
    assert Browser(client).sign_in("town")["Location"] == "/account/"
    assert len(provider.requests("/jwks")) == 1


def test_keys_that_change_between_the_start_and_the_callback_are_fetched(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    Browser(Client()).sign_in("town")
    browser = Browser(client)
    answer = browser.go(browser.start("town"))
    provider.rotate_keys(drop=True)
    assert browser.deliver(answer)["Location"] == "/account/"


def test_a_new_key_beside_the_old_ones_is_found(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    Browser(Client()).sign_in("town")
    provider.rotate_keys()
    assert Browser(client).sign_in("town")["Location"] == "/account/"


def test_who_signs_in_by_a_key_that_is_not_published_yet_is_told_to_come_again(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    Browser(Client()).sign_in("town")
    StoredSession.objects.all().delete()
    provider.trouble("/jwks", "stale")
    provider.rotate_keys(drop=True)
    provider.forget_requests()
    for _number in range(2):
        response = Browser(Client()).sign_in("town")
        assert int(response["Retry-After"]) > 0
        unavailable(client, response)
    assert len(provider.requests("/jwks")) == 1
    provider.heal()
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        assert Browser(client).sign_in("town")["Location"] == "/account/"


@pytest.mark.soak
def test_ten_thousand_starts_leave_no_row_and_call_nobody(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    client.get("/auth/login/town")
    provider.forget_requests()
    before = [model.objects.count() for model in apps.get_models()]
    for _ in range(10_000):
        client.cookies.clear()
        assert client.get("/auth/login/town").status_code == 302
    assert [model.objects.count() for model in apps.get_models()] == before
    assert provider.requests() == []
