"""A client that is changed while it is used: what it holds from before is worth what is left."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser

from portal.authorization_server import client_rows
from portal.authorization_server.models import Client
from tests.http.oauth.application import Application, register
from tests.http.oauth.test_device import Device

pytestmark = pytest.mark.django_db(transaction=True)
AFTER = "https://app.example/after"
SERVICE, OTHER = "https://api.example", "https://other.example"


def changed(app: Application, **columns: Any) -> None:
    """Save a client as the administration does."""
    row = Client.objects.get(pk=app.client.pk)
    for name, value in columns.items():
        setattr(row, name, value)
    client_rows.save(row, columns)


def told_of(app: Application, token: str = "access_token") -> dict[str, Any]:
    answer = app.post("/oauth/introspect", {"token": app.tokens[token]})
    assert answer.status_code == 200
    return dict(answer.json())


def link_after_logout(app: Application, state: str) -> str:
    fields = {"client_id": "app", "post_logout_redirect_uri": AFTER, "state": state}
    page = app.browser.get("/oauth/logout", fields)
    found = re.search(r'name="return_to" value="([^"]+)"', page.content.decode())
    assert found
    return unescape(found[1])


@pytest.mark.parametrize("state", ["s1", "s" * 3000], ids=["sealed", "kept"])
@pytest.mark.parametrize("goes", ["address", "client"])
def test_no_link_of_ours_leads_to_an_address_that_was_taken_away(
    browser: Browser, goes: str, state: str
) -> None:
    app = Application(register(post_logout_redirect_uris=AFTER), browser)
    link = link_after_logout(app, state)
    assert Browser().get(link)["Location"] == f"{AFTER}?state={state}"
    if goes == "client":
        client_rows.delete([app.client])
    else:
        changed(app, post_logout_redirect_uris=f"{AFTER}/wards")
    assert Browser().get(link)["Location"] == "/"


def test_an_access_token_lets_out_what_its_client_may_have_still(server: Application) -> None:
    server.sign_in(scope="openid profile email offline_access")
    assert server.userinfo().json()["email"] == "alice@example.org"
    changed(server, allowed_scopes="openid offline_access groups")
    assert server.userinfo().json().keys() == {"sub"}
    shown = {"Authorization": f"Bearer {server.tokens['access_token']}"}
    assert "user" not in server.back.get("/auth/session", headers=shown).json()
    for token in ("access_token", "refresh_token"):
        said = told_of(server, token)
        assert (said["scope"], "username" in said) == ("openid offline_access", False)
    changed(server, allowed_scopes="groups")
    assert server.userinfo().status_code == 401
    assert told_of(server) == {"active": False}
    changed(server, allowed_scopes="openid profile email offline_access")
    assert "email" in server.userinfo().json(), "what is given back counts: nothing was revoked"


def test_a_protected_service_is_not_told_of_a_token_that_was_taken_from_it(
    server: Application,
) -> None:
    server.sign_in(scope="openid", resource=[SERVICE, OTHER])
    assert told_of(server)["aud"] == [SERVICE, OTHER]
    changed(server, allowed_resources=OTHER)
    assert told_of(server)["aud"] == [OTHER]
    changed(server, allowed_resources="https://third.example")
    assert told_of(server) == {"active": False}


def test_a_code_for_an_address_that_was_taken_away_is_worth_nothing(app: Application) -> None:
    code = app.code()
    changed(app, redirect_uris="https://other.example/callback")
    assert app.redeem(code).json()["error"] == "invalid_grant"


def test_who_was_never_asked_is_asked_once_a_client_is_no_first_party_any_more(
    server: Application,
) -> None:
    changed(server, skip_authorization=True)
    server.sign_in(scope="openid offline_access")
    assert server.refresh().status_code == 200
    changed(server, skip_authorization=False)
    assert server.refresh().json()["error"] == "invalid_grant"
    assert told_of(server, "refresh_token") == {"active": False}
    held = dict(server.tokens)
    server.sign_in(scope="openid offline_access")  # asked, and allowed
    assert server.refresh(held["refresh_token"]).status_code == 200, "nothing was spent"


def test_people_are_asked_about_what_a_device_may_have_still(browser: Browser) -> None:
    row = register("tool", kind=Client.Kind.NATIVE, redirect_uris="http://127.0.0.1")
    tool = Device(row)
    code = tool.start("openid profile email")["user_code"]

    def page() -> Any:
        return browser.get("/device", {"user_code": code})

    assert "e-mail address" in page().content.decode()
    changed(tool.app, allowed_scopes="openid profile")
    assert "e-mail address" not in page().content.decode()
    for gone in ({"allowed_scopes": "groups"}, {"kind": Client.Kind.SERVER}):
        changed(tool.app, **gone)
        assert page().status_code == 400, "it would be let in, and get nothing"
        assert tool.decide(browser).status_code == 400
    changed(tool.app, kind=Client.Kind.NATIVE, allowed_scopes="openid profile")
    tool.decide(browser)
    assert tool.poll().json()["scope"] == "openid profile"
