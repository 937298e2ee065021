"""A provider that remembers somebody whom we refuse would send the same person back for ever."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.http.conftest import way_out
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, failure
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("by", ["the-page", "the-button"])
def test_somebody_else_may_sign_in_after_who_is_not_registered(
    client: Client, source: Make, provider: Certified, by: str
) -> None:
    source(provider)
    assert Browser(Client(), "bob").sign_in("town")["Location"] == "/account/"
    source(provider, columns={"enroll": False})
    browser = Browser(client, "alice")
    refused = browser.sign_in("town", "/account/sessions")
    assert failure(refused).reason == "not-registered"
    browser.who = "bob"
    path = way_out(client, refused) if by == "the-page" else "/auth/login/town"
    started = client.get(path)
    answer = browser.go(started["Location"])
    assert browser.deliver(answer)["Location"].startswith("/account/")
    assert User.objects.get().pk == int(client.session["_auth_user_id"])
    client.post("/auth/logout")
    assert "prompt=" not in client.get("/auth/login/town")["Location"]


def test_who_is_disabled_is_not_sent_round_in_circles(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    browser = Browser(client, "alice")
    browser.sign_in("town")
    browser.leave()
    User.objects.update(status=User.Status.DISABLED)
    refused = browser.sign_in("town")
    assert failure(refused).reason == "disabled"
    browser.who = "bob"
    started = client.get(way_out(client, refused))
    assert browser.deliver(browser.go(started["Location"]))["Location"] == "/account/"


def test_whom_the_rules_of_a_source_refuse_may_let_somebody_else_sign_in(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider, required_role_claim="sub", required_role="bob")
    browser = Browser(client, "alice")
    refused = browser.sign_in("town")
    assert failure(refused).reason == "not-authorized"
    browser.who = "bob"
    started = client.get(way_out(client, refused))
    assert "prompt=login" in started["Location"]
    assert browser.deliver(browser.go(started["Location"]))["Location"] == "/account/"


def test_a_provider_that_can_is_asked_for_the_account(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider, authorize={"prompt": "select_account"})
    assert "prompt=select_account&" in client.get("/auth/login/town?other=1")["Location"] + "&"
    source(provider, authorize={"prompt": "login consent select_account none"})
    for asked in ("other", "shared"):  # what the operator demands each time is demanded now too
        started = client.get(f"/auth/login/town?{asked}=1")["Location"]
        assert "prompt=select_account+login+consent&" in f"{started}&"
    source(provider)
    assert "prompt=login" in client.get("/auth/login/town?other=1")["Location"]
    assert "prompt=" not in client.get("/auth/login/town")["Location"]
