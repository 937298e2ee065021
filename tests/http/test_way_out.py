"""Leaving over HTTP: GET and POST, the receipt, the marker, what is refused afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client

from accounts.models import Event, OutboxItem, Source, StoredSession, User
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.onward import onward
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
CLICK = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


def test_leaving_lands_on_the_front_page_with_one_receipt(client: Client, person: User) -> None:
    sign_in(client)
    old = client.cookies["vestibule"].value
    response = client.post("/auth/logout")
    assert (response.status_code, response["Location"]) == (303, "/")
    assert client.cookies["vestibule"].value == ""
    first = client.get("/")
    assert first.context["receipt"]["upstream"] == "none"
    assert client.get("/").context["receipt"] is None
    replay = Client()
    replay.cookies["vestibule"] = old
    assert replay.get("/account/")["Location"] == "/login?next=%2Faccount%2F"


def test_leaving_without_a_session_leads_to_the_front_page(client: Client, db: None) -> None:
    assert client.post("/auth/logout")["Location"] == "/"
    assert client.get("/auth/logout")["Location"] == "/"
    assert client.get("/").context["receipt"] is None
    assert not Event.objects.exists()


@pytest.mark.parametrize("shared", ["", "1"])
def test_whose_first_click_had_no_answer_reads_what_is_certain(
    client: Client, person: User, shared: str
) -> None:
    """The answer to the first is lost, with its cookies; nobody is sent abroad by the second."""
    typed = {"username": "alice", "password": PASSWORD, "shared": shared}
    client.post("/auth/login/local", typed)
    held = deepcopy(client.cookies)
    client.post("/auth/logout")
    client.cookies = held
    again = client.post("/auth/logout")
    assert again["Location"] == ("/auth/logout/ended" if shared else "/")
    page = client.get(again["Location"]).content.decode()
    assert "<h1>You are signed out</h1>" in page
    assert "Did you sign in anywhere else? Then sign out there too" in page
    assert client.get("/").context["receipt"] is None
    assert Event.objects.filter(name="logout").count() == 1


def test_e03_a_post_needs_the_csrf_token(client: Client, person: User) -> None:
    sign_in(client)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["vestibule"] = client.cookies["vestibule"].value
    assert strict.post("/auth/logout").status_code == 403
    assert StoredSession.objects.exists()


def from_another_tab(path: str, **posted: str) -> tuple[Client, dict[str, Any]]:
    """Return a browser whose person has signed in once more since a form of it was shown, and what
    that form is sent with: to `path`, with its old token, from a page of this site.
    """
    browser = Client(enforce_csrf_checks=True)
    for _each in range(2):
        page = browser.get("/auth/login/local?again=1").content.decode()
        (token, *_more) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        sent = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert browser.post("/auth/login/local", sent).status_code == 303
    data = {**posted, "csrfmiddlewaretoken": token}
    return browser, {"path": path, "data": data, "headers": {"Origin": "http://testserver"}}


def test_sign_out_in_a_tab_from_before_the_last_sign_in_signs_out(person: User) -> None:
    browser, sent = from_another_tab("/auth/logout", return_to="/device")
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "http://testserver:1"}):
        assert browser.post(**{**sent, "headers": headers}).status_code == 403
    fetched = {**sent["headers"], "X-Requested-With": "XMLHttpRequest"}
    assert browser.post(**{**sent, "headers": fetched}).status_code == 403
    none = {**sent, "data": {"csrfmiddlewaretoken": ""}}
    assert browser.post(**none).status_code == 403
    assert StoredSession.objects.count() == 1
    assert browser.post(**sent)["Location"] == "/device"
    assert not StoredSession.objects.exists()


def test_another_language_in_a_tab_from_before_the_last_sign_in_is_spoken(person: User) -> None:
    browser, sent = from_another_tab("/i18n/setlang/", language="da", next="/account/")
    assert browser.post(**sent)["Location"] == "/account/"
    assert '<html lang="da">' in browser.get("/account/").content.decode()


def test_a_form_that_changes_anything_needs_its_token_in_such_a_tab(person: User) -> None:
    browser, sent = from_another_tab("/account/sessions", end="others")
    page = browser.post(**sent)
    assert page.status_code == 403
    assert '<a class="button" href="/account/sessions">Open the page again</a>' in (
        page.content.decode()
    )


def test_the_administrations_button_signs_out_as_every_other(client: Client, person: User) -> None:
    """Who had left already was asked to sign in, and signed out by that."""
    User.objects.filter(pk=person.pk).update(is_staff=True)
    sign_in(client)
    page = client.get("/admin/").content.decode()
    assert '<form id="logout-form" method="post" action="/auth/logout">' in page


def test_a_click_on_this_site_leaves_by_get(client: Client, person: User) -> None:
    sign_in(client)
    assert client.get("/auth/logout", headers=CLICK)["Location"] == "/"
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**CLICK, "Sec-Fetch-Site": "cross-site"},
        {**CLICK, "Sec-Fetch-Site": "none"},
        {**CLICK, "Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
        {**CLICK, "Sec-Fetch-Dest": "iframe"},
        {**CLICK, "Sec-Purpose": "prefetch"},
    ],
)
def test_e03_any_other_get_asks_first(
    client: Client, person: User, headers: dict[str, str]
) -> None:
    sign_in(client)
    page = client.get("/auth/logout", headers=headers)
    assert page.status_code == 200
    assert 'method="post"' in page.content.decode()
    assert StoredSession.objects.exists()


def test_return_to_is_kept_over_the_upstream(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="visit")
    enter(client, "town")
    away = onward(client, client.post("/auth/logout", {"return_to": "/account/sessions"}))
    assert away["Location"].startswith(f"{peer.url}/logout")
    assert client.cookies["vestibule-return"]["max-age"] == 120
    assert client.get("/")["Location"] == "/account/sessions"
    assert client.get("/").context["receipt"]["upstream"] == "visit"


@pytest.mark.parametrize("by", ["town", "local"])
def test_who_signs_in_is_told_nothing_of_who_left(
    client: Client, tenant: Callable[..., Source], person: User, settings: Any, by: str
) -> None:
    """Also where the upstream's logout never came back."""
    tenant(leaves_by="visit")
    enter(client, "town")
    onward(client, client.post("/auth/logout", {"return_to": "/account/sessions"}))
    client.cookies["vestibule-again"] = "of before"
    answer = enter(client, "town") if by == "town" else sign_in(client)
    for name in ("receipt", "return", "again"):
        assert answer.cookies[f"vestibule-{name}"]["max-age"] == 0
    assert "<title>You are signed in" in client.get("/").content.decode()
    settings.VESTIBULE_FRONTPAGE_URL = "https://map.example/"
    assert client.get("/")["Location"] == "https://map.example/"


def test_the_way_back_from_the_upstream_is_on_the_chart(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="visit")
    enter(client, "town")
    onward(client, client.post("/auth/logout"))
    gone = Event.objects.get(name="logout")
    assert (gone.detail, gone.steps[-1][3]) == (
        "upstream: visit",
        "RedirectToAdgangsplatformenLogout",
    )
    for _ in range(2):
        client.get("/auth/logout/done")
    gone.refresh_from_db()
    assert gone.detail == "upstream: visited"
    assert [step[3] for step in gone.steps][-2:] == [
        "LogoutRemoteAdgangsplatformen",
        "RedirectBackToGo",
    ]
    assert [step[3] for step in gone.steps].count("RedirectBackToGo") == 1


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/auth/logout"])
def test_return_to_leads_nowhere_else(client: Client, person: User, to: str) -> None:
    sign_in(client)
    assert client.post("/auth/logout", {"return_to": to})["Location"] == "/"


def test_the_receipt_says_what_is_still_open(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="call")
    enter(client, "town")
    peer.mood = "failing"
    client.post("/auth/logout")
    receipt = client.get("/").context["receipt"]
    assert (receipt["upstream"], receipt["label"]) == ("pending", "Town")
    assert OutboxItem.objects.get().support_code == receipt["code"]


def test_a_broken_session_leaves_as_unknown(client: Client, person: User) -> None:
    sign_in(client)
    StoredSession.objects.update(session_data="broken")
    fresh.caches()
    assert client.post("/auth/logout")["Location"] == "/"
    assert not StoredSession.objects.exists()
    assert client.cookies["vestibule"].value == ""


def test_just_left_is_not_sent_straight_back(client: Client, tenant: Callable[..., Source]) -> None:
    tenant(leaves_by="nothing")
    Source.objects.filter(slug="local").delete()
    enter(client, "town")
    client.post("/auth/logout")
    assert client.get("/login").status_code == 200
    assert Client().get("/login")["Location"] == "/auth/login/town"


def test_done_comes_home_whatever_its_state(client: Client, db: None) -> None:
    for query in ("", "?state=x", "?state=" + "y" * 3000, "?error=z"):
        assert client.get(f"/auth/logout/done{query}")["Location"] == "/"


def test_no_page_lets_a_form_lead_to_an_upstream(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="visit")
    enter(client, "town")
    policy = client.get("/")["Content-Security-Policy"]
    assert "form-action 'self';" in f"{policy};"


NOWHERE = ["/" + 20_000 * "x", "/\nSet-Cookie: a=b", "/" + 9_000 * "x"]


@pytest.mark.parametrize("ends", NOWHERE, ids=["long", "broken", "longer-than-servers-take"])
def test_an_address_that_no_browser_can_be_sent_to_ends_the_session_all_the_same(
    client: Client, tenant: Callable[..., Source], ends: str
) -> None:
    tenant(leaves_by="visit", ends=ends)
    enter(client, "town")
    assert client.post("/auth/logout")["Location"] == "/"
    assert not StoredSession.objects.exists()
    told = client.get("/")
    assert told.context["receipt"]["upstream"] == "unanswered"
    assert "You may still be signed in there: Town" in told.content.decode()
    assert client.post("/auth/logout/again")["Location"] == "/"


@pytest.mark.parametrize("begins", NOWHERE, ids=["long", "broken", "longer-than-servers-take"])
def test_a_sign_in_that_no_browser_can_be_sent_to_is_told_to_operators(
    client: Client, tenant: Callable[..., Source], begins: str
) -> None:
    tenant(begins=begins)
    failed = client.get("/auth/login/town")
    assert failed["Location"].startswith("/login/failed/")
    assert Event.objects.get(name="login.failed").reason == "misconfigured"
    assert client.get(failed["Location"]).status_code == 503
