"""The same by a provider that other people wrote: what works with one works by the standard."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import Identity, StoredSession, User
from accounts.provider import Refreshes
from accounts.session import vault
from accounts.source import catalogue
from tests.http.conftest import stored
from tests.http.oidc.browser import Answer, Browser
from tests.http.oidc.conftest import Make, failure
from tests.peers.certified import Peer
from tests.peers.second_provider import second_provider

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with second_provider() as running:
        yield running


@pytest.mark.parametrize("way", ["basic", "post"])
def test_a_person_signs_in(browser: Browser, source: Make, peer: Peer, way: str) -> None:
    source(peer, client_auth=way, client_secret="a secret")
    response = browser.sign_in("town", "/account/sessions")
    assert (response.status_code, response["Location"]) == (303, "/account/sessions")
    body = browser.session()
    assert (body["type"], body["user"]["name"]) == ("oidc", "Alice Ærø")
    assert Identity.objects.get().subject == "alice"
    assert User.objects.get().email == "alice@example.org"


def test_a_person_says_no(client: Client, source: Make, peer: Peer) -> None:
    source(peer)
    browser = Browser(client, refuses=True)
    asked = browser.start("town")
    answer = browser.go(asked)
    assert answer.values["error"] == "access_denied"
    state = parse_qs(urlsplit(asked).query)["state"][0]
    said = Answer(answer.method, answer.url, {**answer.values, "state": state})
    assert failure(browser.deliver(said)).reason == "cancelled"
    assert not StoredSession.objects.exists()


def test_a_no_without_the_state_ends_nothing_but_itself(
    client: Client, source: Make, peer: Peer
) -> None:
    source(peer)
    browser = Browser(client, refuses=True)
    other_tab = Browser(client).go(browser.start("town"))
    answer = browser.go(browser.start("town"))
    assert "state" not in answer.values  # RFC 6749, 4.1.2.1 requires it; this provider forgets it
    assert failure(browser.deliver(answer)).reason == "login-failed"
    assert browser.deliver(other_tab)["Location"] == "/account/"


def test_tokens_are_renewed(browser: Browser, source: Make, peer: Peer) -> None:
    source(peer)
    browser.sign_in("town")
    before = vault.tokens_of(stored(browser.site).uid)
    assert before is not None
    ready = catalogue.find("town")
    assert ready is not None
    assert isinstance(ready.provider, Refreshes)
    assert ready.provider.refresh(before).access_token != before.access_token


def test_a_person_leaves(browser: Browser, source: Make, peer: Peer) -> None:
    source(peer)
    browser.sign_in("town")
    response = browser.leave()
    assert response["Location"].startswith(f"{peer.issuer}/oauth2/end_session?")
    assert browser.deliver(browser.go(response["Location"]))["Location"] == "/"
    assert browser.session()["isLoggedIn"] is False
