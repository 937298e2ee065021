"""What a login costs: counted, never timed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.http import handles
from tests.http.conftest import at_most
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, parallel
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)


def known(client: Client) -> Browser:
    """Return a browser in which its person has signed in before, and is signed in no more."""
    browser = Browser(client)
    browser.sign_in("town")
    del client.cookies["vestibule"]
    return browser


def test_a_login_of_somebody_known_is_two_calls_and_seven_statements(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    browser = known(client)
    provider.forget_requests()
    with at_most(0):  # a start decides nothing and writes nothing
        url = browser.start("town")
    assert provider.requests() == []
    answer = browser.go(url)
    provider.forget_requests()
    with at_most(7):  # one reads whose budget it is, by the browser, and one notes its use
        response = browser.deliver(answer)
    assert response["Location"] == "/account/"
    assert [asked["path"] for asked in provider.requests()] == ["/token", "/me"]


def test_a_new_browser_of_somebody_known_costs_two_statements_more(
    source: Make, provider: Certified
) -> None:
    source(provider)
    Browser(Client()).sign_in("town")
    browser = Browser(Client())
    answer = browser.go(browser.start("town"))
    with at_most(8):
        browser.deliver(answer)


def test_mapped_groups_stay_within_nine_statements(source: Make, provider: Certified) -> None:
    groups = {"admins": "Town admins", "staff": "Town staff"}
    mapped: dict[str, Any] = {"scope": "openid profile groups", "claims": {"groups": "groups"}}
    source(provider, columns={"groups": groups}, **mapped)
    browser = known(Client())
    answer = browser.go(browser.start("town"))
    with at_most(9):
        browser.deliver(answer)


def test_without_userinfo_it_is_one_call(client: Client, source: Make, provider: Certified) -> None:
    source(provider, userinfo="off")
    Browser(Client()).sign_in("town")
    browser = Browser(client)
    answer = browser.go(browser.start("town"))
    provider.forget_requests()
    browser.deliver(answer)
    assert [asked["path"] for asked in provider.requests()] == ["/token"]


def test_connections_are_used_again(
    source: Make, provider: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "MAX_IDLE", 60)  # a busy machine lets one rest for long
    source(provider)
    Browser(Client()).sign_in("town")
    used = set()
    for _ in range(10):
        browser = Browser(Client())
        answer = browser.go(browser.start("town"))
        provider.forget_requests()
        browser.deliver(answer)
        used |= {asked["connection"] for asked in provider.requests()}
    assert len(used) == 1


def test_discovery_and_keys_are_fetched_once_for_everybody(
    source: Make, provider: Certified
) -> None:
    source(provider)
    answers = parallel(12, lambda: Browser(Client()).start("town"))
    assert all(url.startswith(provider.issuer) for url in answers)
    assert len(provider.requests("/.well-known/openid-configuration")) == 1


def test_two_sources_of_one_provider_share_what_is_learnt_of_it(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    source(provider, "school", client_id="portal-post", client_auth="post")
    Browser(client).sign_in("town")
    Browser(Client()).sign_in("school")
    for place in ("/.well-known/openid-configuration", "/jwks"):
        assert len(provider.requests(place)) == 1, place
