"""The page that asks: it is answered once, by whoever was shown it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import Event, User
from portal.authorization_server import expiry
from portal.authorization_server.models import Consent, Grant
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.at_once import at_once, window
from tests.peers.database import no_room_in

pytestmark = pytest.mark.django_db(transaction=True)


def sealed(page: Any) -> str:
    found = re.search(r'name="request" value="([^"]+)"', page.content.decode())
    assert found
    return unescape(found[1])


def answer(browser: Browser, request: str, decision: str = "allow") -> Any:
    return browser.post("/oauth/consent", {"request": request, "decision": decision})


@pytest.mark.parametrize("first", ["allow", "deny"])
@pytest.mark.parametrize("second", ["allow", "deny"])
def test_a_page_is_answered_once(app: Application, first: str, second: str) -> None:
    shown = app.ask()
    app.allow(shown, first)
    codes = Grant.objects.count()
    again = app.allow(shown, second)
    assert (again.status_code, "Location" in again) == (409, False)
    assert "You have answered this already" in again.content.decode()
    refused = app.browser.post("/oauth/consent", {"request": "of somebody else"})
    for page in (again, refused):
        assert 'class="languages"' not in page.content.decode(), "it would lead to a 405"
    assert Grant.objects.count() == codes
    assert Consent.objects.exists() == (first == "allow")
    denied = Event.objects.filter(name="consent.denied", user=stored(app.browser).user)
    assert denied.filter(session_uid=stored(app.browser).uid).count() == (first == "deny")


def test_the_page_leads_on_by_a_request_of_its_own(app: Application) -> None:
    shown = app.ask()
    app.allow(shown)
    page = app.allow(shown).content.decode()
    found = re.search(r'href="(/oauth/authorize[^"]+)">Continue', page)
    assert found, page
    landed = app.browser.get(unescape(found[1]))
    assert app.redeem(app.answer(landed)["code"]).status_code == 200


def test_a_pushed_request_is_over_so_the_page_leads_nowhere(app: Application) -> None:
    pushed = app.post("/oauth/par", app.request()).json()["request_uri"]
    shown = app.browser.get("/oauth/authorize", {"client_id": "app", "request_uri": pushed})
    app.allow(shown)
    again = app.allow(shown)
    assert again.status_code == 409
    assert "/oauth/authorize" not in again.content.decode()


@pytest.mark.parametrize("table", ["consent", "grant", "pushedrequest"])
@pytest.mark.parametrize("pushed", [True, False])
def test_an_answer_that_the_database_does_not_keep_is_none(
    app: Application, pushed: bool, table: str
) -> None:
    fields = app.request()
    if pushed:
        uri = app.post("/oauth/par", fields).json()["request_uri"]
        fields = {"client_id": "app", "request_uri": uri}
    shown = app.browser.get("/oauth/authorize", fields)
    app.browser.raise_request_exception = False
    with no_room_in(f"authorization_server_{table}"):
        refused = app.allow(shown)
    assert refused.status_code == (503 if pushed or table != "pushedrequest" else 303)
    if refused.status_code == 503:
        assert app.redeem(app.answer(app.allow(shown))["code"]).status_code == 200


def test_each_page_counts_for_itself(app: Application) -> None:
    one, other = app.ask(), app.ask()
    assert {app.answer(app.allow(each)).keys() >= {"code"} for each in (one, other)} == {True}


def test_what_was_shown_in_another_session_is_asked_anew_and_spends_nothing(
    app: Application,
) -> None:
    shown = sealed(app.ask())
    other = Application(app.client)
    for signs_in in (False, True):  # the session has ended; the same person has signed in again
        if signs_in:
            sign_in(other.browser)
        led = other.landing(answer(other.browser, shown))
        assert led.startswith("/oauth/authorize?"), led
        page = other.browser.get(led)
        assert not signs_in or sealed(page) != shown, "asked anew"
        assert signs_in or page["Location"].startswith("/login?next=%2Foauth%2Fauthorize")
    assert not Consent.objects.exists()
    assert "code" in app.answer(answer(app.browser, shown))


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_page_from_before_a_sign_in_in_another_tab_asks_anew(person: User, decision: str) -> None:
    """Without a script nobody gives the page the new CSRF token."""
    own = Application(register(), Browser(enforce_csrf_checks=True))
    signs_in(own.browser)
    page = own.ask()
    fields = {"request": sealed(page), "csrfmiddlewaretoken": token(page), "decision": decision}
    signs_in(own.browser)
    led = own.landing(own.browser.post("/oauth/consent", fields))
    assert led.startswith("/oauth/authorize?"), led
    again = own.browser.get(led)
    assert sealed(again) != fields["request"]
    assert not Consent.objects.exists()
    assert not Event.objects.filter(name="consent.denied").exists()
    forged = own.browser.post("/oauth/consent", {**fields, "request": "of somebody else"})
    assert forged.status_code == 403
    bob = User.objects.create_user("bob", PASSWORD)
    bob.give_local_identity()
    own.browser.cookies.pop("vestibule")
    signs_in(own.browser, "bob")
    refused = own.browser.post("/oauth/consent", fields)
    assert refused.status_code == 403
    (way_on,) = re.findall(r'href="([^"]*)">Open the page again<', refused.content.decode())
    assert sealed(own.browser.get(unescape(way_on))) != fields["request"], "Bob is asked by a click"


def test_who_is_late_is_asked_anew(app: Application) -> None:
    shown = sealed(app.ask())
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        led = app.landing(answer(app.browser, shown))
        assert led.startswith("/oauth/authorize?"), led
        page = app.browser.get(led)
        assert not Consent.objects.exists()
        assert app.redeem(app.answer(app.allow(page))["code"]).status_code == 200


def test_a_request_that_is_too_long_for_an_address_is_kept(app: Application) -> None:
    """OIDC Core, 3.1.2.1: by POST it may have any length that a parameter may have."""
    app.state, hint = "ü" * 4000, "ö" * 4000
    posted = app.browser.post("/oauth/authorize", app.request(login_hint=hint))
    led = app.landing(posted)
    assert led.startswith("/oauth/authorize?client_id=app&request_uri=")
    shown = app.browser.get(led)
    assert app.answer(app.allow(shown))["state"] == app.state
    stranger = Application(app.client)
    fields = stranger.request(state=app.state, login_hint=hint)
    kept = stranger.landing(stranger.browser.post("/oauth/authorize", fields))
    for asked in (stranger.ask(**fields), stranger.browser.get(kept)):
        assert asked["Location"].startswith("/login?next=%2Foauth%2Fauthorize")
        assert len(asked["Location"]) < 1000
    shown = sealed(app.ask(scope="openid email groups", login_hint=hint))
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        led = app.landing(answer(app.browser, shown))
        assert app.answer(app.allow(app.browser.get(led)))["state"] == app.state
    unknown = app.browser.post("/oauth/authorize", app.request(client_id="x", login_hint=hint))
    assert unknown.status_code == 400
    assert "not known here" in unknown.content.decode()


def signs_in(browser: Browser, username: str = "alice") -> None:
    form = browser.get("/auth/login/local", {"again": "1"})
    fields = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token(form)}
    assert browser.post("/auth/login/local", fields).status_code == 303


def token(page: Any) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    assert found
    return found[1]


def test_x08_of_twenty_clicks_on_allow_one_gives_a_code(app: Application) -> None:
    shown = sealed(app.ask())
    windows = [window(app.browser) for _ in range(20)]
    done = at_once([lambda each=each: answer(each, shown) for each in windows])
    assert sorted(each.status_code for each in done) == [303, *[409] * 19]
    assert Grant.objects.count() == 1


def test_what_was_spent_is_forgotten_in_time(app: Application) -> None:
    app.allow(app.ask())
    assert expiry.clear_expired() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=700)):
        assert expiry.clear_expired() == 1
