"""What goes along where a sign-in is led another way: where to, how strongly, and that many use the
computer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.factors import totp
from accounts.models import Source, StoredSession, User
from tests.http.conftest import PASSWORD, enter, sign_in, stored
from tests.http.onward import onward
from tests.http.test_letmein import ENTER, link
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
WISHED = {"acr_values": "substantial", "shared": "1"}
TYPED = {"username": "alice", "password": PASSWORD, "next": "/account/data", **WISHED}
ALONG = {"next": ["/account/data"], "acr_values": ["substantial"], "shared": ["1"]}


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(unescape(url)).query)


def other_ways(page: Any) -> dict[str, list[str]]:
    """Return what the link to the choice of ways takes along."""
    found = re.search(r'href="(/login\?choose=1[^"]*)"', page.content.decode())
    assert found
    return query_of(found[1])


def in_another_language(browser: Client, page: Any) -> Any:
    """Return the page to which the switch of languages leads."""
    form = re.search(r'class="languages".*?</form>', page.content.decode(), re.DOTALL)
    assert form
    found = re.search(r'name="next" value="([^"]*)"', form[0])
    assert found
    chosen = {"language": "da", "next": unescape(found[1])}
    danish = browser.get(onward(browser, browser.post("/i18n/setlang/", chosen))["Location"])
    assert '<html lang="da">' in danish.content.decode()
    return danish


def marked(client: Client) -> Client:
    """Return a browser in which somebody has said that many use it, and has left."""
    sign_in(client)
    assert not stored(client).shared
    client.post("/auth/logout")
    client.post("/auth/login/local", {"username": "alice", "password": PASSWORD, "shared": "1"})
    client.post("/auth/logout")
    client.cookies.pop("vestibule-left")
    return client


def test_the_question_whether_to_switch_keeps_all(person: User, tenant: Tenant) -> None:
    tenant(leaves_by="call")
    User.objects.create_user("eve", PASSWORD, name="Eve").give_local_identity()
    browser = Client()
    sign_in(browser, "eve")
    asked = onward(browser, browser.post("/auth/login/local", TYPED))
    assert query_of(asked["Location"]) == {**ALONG, "switch": ["1"]}
    action = re.search(r'<form action="([^"]*)"', browser.get(asked["Location"]).content.decode())
    assert action
    assert query_of(action[1]) == ALONG
    left = onward(browser, browser.post(unescape(action[1]), {"switch": "1"}))
    assert query_of(left["Location"]) == ALONG
    page = browser.get(left["Location"]).content.decode()
    assert re.search(r'id="shared"[^>]* checked>', page)


def test_a_form_that_was_open_beside_another_sign_in_keeps_all(
    person: User, tenant: Tenant
) -> None:
    tenant()
    browser = Client()
    enter(browser, "town")
    asked = browser.post("/auth/login/local", TYPED)
    action = re.search(r'<form action="([^"]*)"', asked.content.decode())
    assert action
    assert query_of(action[1]) == ALONG
    assert f'action="{action[1]}"' in in_another_language(browser, asked).content.decode()


def test_a_switch_by_a_flow_keeps_that_the_computer_is_shared(tenant: Tenant) -> None:
    tenant()
    browser = Client()
    began = browser.get("/auth/login/town?next=/account/data&shared=1")
    state = query_of(began["Location"])["state"][0]
    enter(browser, "town", "eve")
    answer = browser.get("/auth/callback/town", {"code": "bob", "state": state})
    asked = query_of(answer["Location"])
    assert (asked["next"], asked["shared"]) == (["/account/data"], ["1"])


def test_a_sign_in_that_failed_begins_again_as_it_was(tenant: Tenant) -> None:
    tenant()
    browser = Client()
    began = browser.get("/auth/login/town?next=/account/data&shared=1&login_hint=bob%40x.example")
    state = query_of(began["Location"])["state"][0]
    failed = browser.get("/auth/callback/town", {"error": "access_denied", "state": state})
    assert "x.example" not in failed["Location"]
    page = browser.get(failed["Location"])
    retry = re.search(r'href="(/auth/login/town[^"]*)"', page.content.decode())
    assert retry
    for found in (query_of(retry[1]), other_ways(page)):
        assert (found["next"], found["shared"]) == (["/account/data"], ["1"])


def test_the_form_and_its_second_step_lead_to_other_ways_with_all(person: User) -> None:
    totp.add(person, totp.new_secret(), 0)
    browser = Client()
    form = browser.get("/auth/login/local", {"next": "/account/data", **WISHED})
    wrong = browser.post("/auth/login/local", {**TYPED, "password": "wrong"})
    second = browser.get(browser.post("/auth/login/local", TYPED)["Location"])
    for page in (form, wrong, second, danish := in_another_language(browser, wrong)):
        assert other_ways(page) == {**ALONG, "choose": ["1"]}
    assert 'name="next" value="/account/data"' in danish.content.decode()
    assert re.search(r'id="shared"[^>]* checked>', danish.content.decode())
    assert 'name="next" value="/account/data"' in second.content.decode()


def test_at_a_shared_computer_what_waits_goes_with_the_browser(person: User) -> None:
    totp.add(person, totp.new_secret(), 0)
    browser = Client()
    browser.post("/auth/login/local", TYPED)
    assert browser.cookies["vestibule-second"]["max-age"] == ""


def test_a_second_click_on_the_second_step_goes_on_as_well(person: User) -> None:
    secret = totp.new_secret()
    totp.add(person, secret, 0)
    browser = Client()
    sign_in(browser)
    late = browser.post("/login/second", {"code": "1", "next": "/account/data", "shared": "1"})
    assert late.status_code == 400, "it waits still"
    browser.cookies.pop("vestibule-second")
    late = browser.post("/login/second", {"code": "1", "next": "/account/data", "shared": "1"})
    assert query_of(late["Location"]) == {
        "choose": ["1"],
        "next": ["/account/data"],
        "shared": ["1"],
    }
    abroad = browser.post("/login/second", {"code": "1", "next": "https://evil.example/"})
    assert query_of(abroad["Location"]) == {"choose": ["1"]}


def test_who_proves_again_and_mistypes_is_told_the_same(person: User) -> None:
    browser = Client()
    sign_in(browser)
    wrong = browser.post("/auth/login/local", {**TYPED, "password": "wrong"})
    assert wrong.status_code == 400
    assert "needs a fresh sign-in" in wrong.content.decode()
    assert 'id="shared"' not in wrong.content.decode()
    assert in_another_language(browser, wrong).context["again"]


def test_where_no_box_is_shown_the_mark_counts(person: User, tenant: Tenant) -> None:
    """U31: the choice that is skipped, a cookie of a neighbour, MapStore's way in, the terminal."""
    tenant()
    marked(silent := Client())
    silent.cookies["TENANTabc"] = "carol"
    silent.get("/account/sessions", follow=True)
    assert stored(silent).shared
    marked(mapstore := Client())
    state = query_of(mapstore.get("/openid/town/login")["Location"])["state"][0]
    mapstore.get("/openid/town/callback", {"code": "bob", "state": state})
    assert stored(mapstore).shared
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    marked(terminal := Client())
    terminal.get(link())
    terminal.post(ENTER)
    assert stored(terminal).shared
    marked(straight := Client())
    Source.objects.filter(slug="local").update(enabled=False)
    fresh.sources()
    assert query_of(straight.get("/login?next=/account/")["Location"])["shared"] == ["1"]


def test_elsewhere_nothing_of_it_is_said(tenant: Tenant) -> None:
    tenant()
    browser = Client()
    browser.cookies["TENANTabc"] = "carol"
    browser.get("/account/sessions", follow=True)
    assert not StoredSession.objects.get().shared
