"""Leaving, started by an application and told to applications: the modules of the OpenID
Foundation's RP-initiated and back-channel logout plans (without `oidcc-`), under their own names.
"""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
import time_machine
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.utils import timezone
from limits import RateLimitItemPerMinute

from accounts import outbox
from accounts.models import Event, OutboxItem, StoredSession, User
from accounts.session import people
from portal.authorization_server.models import AccessToken, Client, ToldSession
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.at_once import at_once
from tests.http.oauth.listener import PATIENCE, Listener, token_of
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
AFTER = "https://app.example/after?a=b"


@pytest.fixture
def rp(browser: Browser) -> Application:
    own = Application(register(post_logout_redirect_uris=AFTER, skip_authorization=True), browser)
    own.sign_in()
    return own


@pytest.mark.parametrize("decision", ["leaves", "stays"])
def test_an_installed_program_leaves_its_own_session(native: Application, decision: str) -> None:
    """RP-Initiated Logout 1.0, 2: whether to leave here too is asked."""
    after = "http://127.0.0.1/after"
    Client.objects.update(post_logout_redirect_uris=after)
    native.sign_in(scope="openid offline_access")
    hint = native.tokens["id_token"]
    for who in (Application(native.client), other_person(native.client)):
        leave(who, id_token_hint=hint)
        assert native.userinfo().status_code == 200, "a hint ends nothing in another browser"
    page = leave(native, id_token_hint=hint, post_logout_redirect_uri=after, state="s1")
    assert native.userinfo().status_code == 401
    assert native.refresh().json()["error"] == "invalid_grant"
    ended = Event.objects.get(name="session.ended")
    assert (ended.detail, ended.actor) == ("left by the application", "person")
    assert is_signed_in(native)
    text = page.content.decode()
    stays = re.search(r'<a href="(/oauth/after-logout[^"]+)">Stay signed in', text)
    assert stays
    if decision == "stays":
        landed = native.browser.get(unescape(stays[1]))["Location"]
    else:
        to = unescape(re.findall(r'name="return_to" value="([^"]+)"', text)[0])
        landed = end_of(native.browser, native.browser.post("/auth/logout", {"return_to": to}))
    assert landed == f"{after}?state=s1"
    assert is_signed_in(native) == (decision == "stays")
    assert leave(native, id_token_hint=hint).status_code in {200, 303}


def other_person(client: Client) -> Application:
    bob = User.objects.create_user("bob", PASSWORD)
    bob.give_local_identity()
    own = Application(client)
    sign_in(own.browser, "bob")
    return own


def leave(rp: Application, **fields: str) -> Any:
    return rp.browser.get("/oauth/logout", fields)


def is_signed_in(rp: Application) -> bool:
    return bool(rp.browser.get("/auth/session").json()["isLoggedIn"])


def end_of(browser: Browser, response: Any) -> str:
    """Follow our own redirects. Returns the first address that is not ours."""
    url = response["Location"]
    while url.startswith("/"):
        response = browser.get(url)
        url = response.get("Location") or response["Refresh"].partition("url=")[2]
    return str(url)


def test_rp_initiated_logout(rp: Application) -> None:
    done = leave(
        rp, id_token_hint=rp.tokens["id_token"], post_logout_redirect_uri=AFTER, state="s&1"
    )
    assert end_of(rp.browser, done) == f"{AFTER}&state=s%261"
    assert not is_signed_in(rp)
    assert rp.userinfo().status_code == 401


@pytest.mark.parametrize("kept", [True, False])
def test_a_long_state_comes_back_too(
    rp: Application, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """4,096 characters are the limit; no address of ours is that long, so it is kept here."""
    if not kept:
        limit = RateLimitItemPerMinute(0, 5, namespace="none")
        monkeypatch.setattr("portal.authorization_server.pushed._PLACE", limit)
    state = "s&" * 2048
    shown = {"id_token_hint": rp.tokens["id_token"], "post_logout_redirect_uri": AFTER}
    done = leave(rp, **shown, state=state)
    assert not is_signed_in(rp)
    if not kept:
        assert done["Location"] == "/", "who has kept too much is signed out all the same"
        return
    assert end_of(rp.browser, done) == f"{AFTER}&{urlencode({'state': state})}"
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert rp.browser.get(done["Location"])["Location"] == "/"


def test_rp_initiated_logout_no_state(rp: Application) -> None:
    done = leave(rp, id_token_hint=rp.tokens["id_token"], post_logout_redirect_uri=AFTER)
    assert end_of(rp.browser, done) == AFTER


def test_rp_initiated_logout_no_post_logout_redirect_uri(rp: Application) -> None:
    done = leave(rp, id_token_hint=rp.tokens["id_token"], state="x")
    assert done["Location"] == "/"
    assert not is_signed_in(rp)


@pytest.mark.parametrize("fields", [{}, {"state": "x"}, {"client_id": "app"}], ids=str)
def test_rp_initiated_logout_no_params_only_state_no_hint(
    rp: Application, fields: dict[str, str]
) -> None:
    page = leave(rp, **fields)
    assert "Do you want to sign out?" in page.content.decode()
    assert is_signed_in(rp)


def test_rp_initiated_logout_no_id_token_hint(rp: Application) -> None:
    page = leave(rp, client_id="app", post_logout_redirect_uri=AFTER, state="x")
    found = re.search(r'name="return_to" value="([^"]+)"', page.content.decode())
    assert found
    assert is_signed_in(rp)
    done = rp.browser.post("/auth/logout", {"return_to": unescape(found[1])})
    assert end_of(rp.browser, done) == f"{AFTER}&state=x"
    assert not is_signed_in(rp)


@pytest.mark.parametrize(
    "uri",
    ["https://evil.example/", "https://app.example/after", f"{AFTER}&x=1", f"{AFTER}#x", "x"],
)  # fmt: skip
def test_rp_initiated_logout_bad_post_logout_redirect_uri(rp: Application, uri: str) -> None:
    page = leave(rp, id_token_hint=rp.tokens["id_token"], post_logout_redirect_uri=uri)
    assert (page.status_code, "Location" in page) == (400, False)
    assert is_signed_in(rp)


def test_rp_initiated_logout_modified_id_token_hint(rp: Application) -> None:
    body = rp.tokens["id_token"].split(".")[1]
    none = jwt.encode({}, None, "none").split(".")[0]
    for hint in (f"{none}.{body}.", rp.tokens["id_token"][:-4] + "AAAA", "x", "a.b.c"):
        page = leave(rp, id_token_hint=hint, post_logout_redirect_uri=AFTER)
        assert (page.status_code, "Location" in page) == (400, False)
    assert is_signed_in(rp)


def test_rp_initiated_logout_bad_id_token_hint(rp: Application) -> None:
    claims = jwt.decode(rp.tokens["id_token"], options={"verify_signature": False})
    page = leave(rp, id_token_hint=jwt.encode(claims, "k" * 32), post_logout_redirect_uri=AFTER)
    assert page.status_code == 400
    assert is_signed_in(rp)


def test_a_hint_of_somebody_else_asks_first(rp: Application) -> None:
    bob = User.objects.create_user("bob", PASSWORD, name="Bob")
    bob.give_local_identity()
    other = Application(rp.client)
    sign_in(other.browser, "bob")
    page = leave(other, id_token_hint=rp.tokens["id_token"])
    assert "Do you want to sign out?" in page.content.decode()
    assert is_signed_in(other)


def test_an_id_token_with_many_groups_is_a_hint(person: User, rp: Application) -> None:
    names = [f"Afdelingen for borgerservice og digitalisering nr. {each:03}" for each in range(160)]
    person.groups.set(Group.objects.bulk_create(Group(name=name) for name in names))
    claims = json.dumps({"id_token": {"groups": None}})
    hint = rp.sign_in(scope="openid groups", claims=claims)["id_token"]
    assert 8000 < len(hint) < 16_384
    assert "code" in rp.answer(rp.ask(prompt="none", id_token_hint=hint))
    assert rp.ask(prompt="none", id_token_hint="x" * 16_385).status_code == 400
    assert rp.ask(prompt="none", login_hint="x" * 4097).status_code == 400
    hints = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": "s" * 4000}
    long = rp.browser.post("/oauth/logout", {**hints, "client_id": "app", "id_token_hint": hint})
    assert long.status_code == 200, "led on by a page: a cookie would not carry it"
    assert rp.browser.get(long["Refresh"].partition("url=")[2]).status_code == 303
    assert not is_signed_in(rp)


def test_a_post_comes_back_as_our_get(rp: Application) -> None:
    done = rp.browser.post("/oauth/logout", {"id_token_hint": rp.tokens["id_token"]})
    assert done.status_code in {200, 303}
    assert is_signed_in(rp), "a stranger's POST decides nothing"


def test_who_has_left_already_is_led_back(rp: Application) -> None:
    hint = rp.tokens["id_token"]
    rp.browser.post("/auth/logout")
    done = leave(rp, id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert end_of(rp.browser, done) == AFTER


def test_nobody_can_make_us_lead_anywhere(client: Browser, house: None) -> None:
    for to in ("https://evil.example", "x.y", "", "\0"):
        found = client.get("/oauth/after-logout", {"to": to})
        assert found.get("Location", "/") == "/"


# --- Back-channel logout --------------------------------------------------------------------------


def test_backchannel_rp_initiated_logout(told: Application, listener: Listener) -> None:
    claims = told.id_token()
    leave(told, id_token_hint=told.tokens["id_token"])
    token = token_of(told, listener.wait()[0])
    assert (token["sid"], token["sub"]) == (claims["sid"], claims["sub"])
    assert token["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert {"jti", "iat", "exp"} <= token.keys()
    assert "nonce" not in token
    assert told.answer(told.ask(prompt="none"))["error"] == "login_required"


def test_every_end_is_told(told: Application, listener: Listener, person: User) -> None:
    people.end_all(person.pk, "by an administrator")
    assert len(listener.wait()) == 1
    sign_in(told.browser)
    told.sign_in()
    people.disable(person)
    assert len(listener.wait(2)) == 2


def test_an_offline_application_is_told_of_both_ends(
    told: Application, listener: Listener, person: User
) -> None:
    told.sign_in(scope="openid offline_access")
    sid = told.id_token()["sid"]
    told.browser.post("/auth/logout")
    assert token_of(told, listener.wait()[0])["sid"] == sid
    assert told.refresh().status_code == 200, "its refresh token lives on (2.7)"
    people.end_all(person.pk, "x")
    assert token_of(told, listener.wait(2)[1])["sid"] == sid


def test_what_is_revoked_beside_a_session_that_stays_ends_nothing(
    told: Application, listener: Listener
) -> None:
    told.sign_in(scope="openid offline_access")
    older = told.tokens["refresh_token"]
    told.sign_in(scope="openid offline_access")
    sid = told.id_token()["sid"]
    told.post("/oauth/revoke", {"token": older})
    told.post("/oauth/revoke", {"token": told.tokens["refresh_token"]})
    fresh.delivered()
    assert StoredSession.objects.filter(kind="client").count() == 0
    assert listener.told == [], "the browser's session of this name lives"
    told.browser.post("/auth/logout")
    assert [token_of(told, each)["sid"] for each in listener.wait()] == [sid]


def test_of_two_that_outlive_their_browser_the_last_is_told_of(
    told: Application, listener: Listener
) -> None:
    told.sign_in(scope="openid offline_access")
    older = told.tokens["refresh_token"]
    told.sign_in(scope="openid offline_access")
    told.browser.post("/auth/logout")
    listener.wait()
    told.post("/oauth/revoke", {"token": older})
    fresh.delivered()
    assert len(listener.told) == 1
    told.post("/oauth/revoke", {"token": told.tokens["refresh_token"]})
    assert len(listener.wait(2)) == 2


def test_of_two_that_end_at_once_the_second_is_told_of(
    told: Application, listener: Listener
) -> None:
    told.sign_in(scope="openid offline_access")
    tokens = [told.tokens["refresh_token"]]
    tokens.append(told.sign_in(scope="openid offline_access")["refresh_token"])
    told.browser.post("/auth/logout")
    listener.wait()
    leaves = [Application(told.client) for _ in tokens]
    revoke = zip(leaves, tokens, strict=True)
    at_once([partial(own.post, "/oauth/revoke", {"token": each}) for own, each in revoke])
    assert len(listener.wait(2)) == 2


def test_signing_in_again_is_no_end(told: Application, listener: Listener) -> None:
    told.sign_in(scope="openid offline_access")
    before = told.id_token()["sid"]
    sign_in(told.browser)
    assert stored(told.browser).uid != before
    assert told.userinfo().status_code == 200
    assert StoredSession.objects.get(kind="client").parent_uid == stored(told.browser).uid
    assert listener.told == []
    told.refresh()
    assert told.id_token()["sid"] == before, "as it was told first"
    done = leave(told, id_token_hint=told.tokens["id_token"])
    assert done["Location"] == "/", "the application means this session, by its former name"
    assert token_of(told, listener.wait()[0])["sid"] == before


def test_after_a_second_sign_in_both_names_are_told(told: Application, listener: Listener) -> None:
    before = told.id_token()["sid"]
    asked = told.ask(prompt="login")
    assert "/login" in asked["Location"]
    sign_in(told.browser)
    told.sign_in()
    after = told.id_token()["sid"]
    assert after == stored(told.browser).uid != before
    told.browser.post("/auth/logout")
    ends = listener.wait(2)
    assert {token_of(told, each)["sid"] for each in ends} == {before, after}
    assert len(ends) == 2


def test_a_slow_client_holds_up_nobody(
    told: Application, listener: Listener, settings: Any
) -> None:
    """The answer is there while the client says nothing, which it may for as long as a call."""
    settings.VESTIBULE_HTTP_DEADLINE = PATIENCE
    listener.answering.clear()
    began = time.monotonic()
    assert told.browser.post("/auth/logout").status_code == 303
    assert time.monotonic() - began < PATIENCE / 2
    assert listener.told == []
    listener.answering.set()
    assert len(listener.wait()) == 1


def test_a_client_in_trouble_is_told_later(told: Application, listener: Listener) -> None:
    listener.status = 500
    told.browser.post("/auth/logout")
    listener.wait()
    fresh.delivered()
    assert OutboxItem.objects.filter(attempts=2).exists()
    listener.status = 200
    assert outbox.deliver_due(timezone.now() + timedelta(seconds=200)) == 1
    first, second = (token_of(told, each) for each in listener.told)
    assert first["sid"] == second["sid"]
    assert not OutboxItem.objects.exists()


@pytest.mark.parametrize("status", [400, 302])
def test_a_client_that_refuses_or_leads_elsewhere(
    told: Application, listener: Listener, status: int
) -> None:
    listener.status = status
    told.browser.post("/auth/logout")
    listener.wait()
    fresh.delivered()
    assert len(listener.told) == 1, "a redirect is not followed"
    assert OutboxItem.objects.exists() == (status == 302)
    gone = Event.objects.filter(name="notice.given_up").exists()
    assert gone == (status == 400)


def test_j12_addresses_inside_are_not_called(
    told: Application, listener: Listener, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_INSIDE = settings.VESTIBULE_HTTP_PLAIN = False
    Client.objects.update(backchannel_logout_uri=listener.url.replace("http:", "https:"))
    told.browser.post("/auth/logout")
    fresh.delivered()
    assert OutboxItem.objects.filter(attempts=2).exists()
    assert listener.told == []


def test_who_is_not_to_be_told_is_not(rp: Application) -> None:
    assert ToldSession.objects.count() == 1
    rp.browser.post("/auth/logout")
    assert not OutboxItem.objects.exists()
    assert not AccessToken.objects.exists()
