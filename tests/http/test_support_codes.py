"""Every support code that a page shows is found by the desk."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts import events
from accounts.models import Event, Source, User
from accounts.source import catalogue
from tests.http.conftest import enter, sign_in
from tests.http.oauth.application import Application, register
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
CODE = re.compile(r"<code>([A-Z0-9]{4}-[A-Z0-9]{4})</code>")


@pytest.fixture
def desk(house: None) -> Client:
    chief = User.objects.create_superuser("chief", "correct horse battery staple")
    client = Client()
    chief.give_local_identity()
    sign_in(client, "chief")
    return client


def told(answer: Any) -> str:
    found = CODE.search(answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def not_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    return client.get("/there-is/no-such-page")


def forbidden(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    sign_in(client)
    return client.get("/admin/accounts/event/")


def form_expired(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    strict = Client(enforce_csrf_checks=True)
    return strict.post("/auth/login/local", {"username": "alice", "password": "x"})


def bad_request(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    return client.get("/login?next=%00")


def too_large(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    return client.post("/auth/login/local", {"username": "alice", "password": "x" * 300_000})


def server_error(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    def broken(_slug: str) -> str:
        raise RuntimeError("a defect")

    sign_in(client)
    monkeypatch.setattr(catalogue, "label_of", broken)
    return client.get("/account/")


PAGES = (not_found, forbidden, form_expired, bad_request, too_large, server_error)


@pytest.mark.parametrize("ask", PAGES, ids=lambda ask: ask.__name__)
def test_the_code_of_a_page_is_found_by_the_desk(
    ask: Any, person: User, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = ask(Client(raise_request_exception=False), monkeypatch)
    code = told(answer)
    page = desk.get("/admin/accounts/event/", {"q": code}).content.decode()
    assert ask.__name__.replace("_", "-") in page
    assert code in page
    event = Event.objects.get(support_code=code)
    assert str(answer.status_code) in event.detail


def unknown_application(own: Application) -> Any:
    return own.ask(client_id="hush")


def unregistered_address(own: Application) -> Any:
    return own.ask(redirect_uri="https://hush.example/cb")


def pushed_long_ago(own: Application) -> Any:
    return own.ask(request_uri="urn:ietf:params:oauth:request_uri:hush")


def no_question(own: Application) -> Any:
    return own.browser.post("/oauth/consent", {"request": "hush", "decision": "allow"})


def nowhere_after_a_logout(own: Application) -> Any:
    own.sign_in()
    asked = {"id_token_hint": own.tokens["id_token"], "post_logout_redirect_uri": "https://hush/"}
    return own.browser.get("/oauth/logout", asked)


def by_a_foreign_token(own: Application) -> Any:
    return own.browser.get("/oauth/logout", {"id_token_hint": "hush", "client_id": "app"})


OF_APPLICATIONS = (
    (unknown_application, "400 GET /oauth/authorize The application is not known here."),
    (
        unregistered_address,
        "400 GET /oauth/authorize app: The application gave an address that is not registered.",
    ),
    (
        pushed_long_ago,
        "400 GET /oauth/authorize app: The request has expired. Start again in the application.",
    ),
    (no_question, "400 POST /oauth/consent This is no question of ours, or one that is over."),
    (
        nowhere_after_a_logout,
        "400 GET /oauth/logout app: The application gave an address that is not registered.",
    ),
    (
        by_a_foreign_token,
        "400 GET /oauth/logout app: The application showed an id_token that is not from here.",
    ),
)


@pytest.mark.parametrize(
    ("ask", "why"), OF_APPLICATIONS, ids=lambda each: getattr(each, "__name__", "")
)
def test_the_desk_finds_why_a_request_of_an_application_was_refused(
    ask: Any, why: str, person: User, desk: Client
) -> None:
    sign_in(browser := Client())
    answer = ask(Application(register(), browser))
    assert answer.status_code == 400
    event = Event.objects.get(support_code=told(answer))
    assert event.detail == why
    assert event.user == person
    page = desk.get(f"/admin/accounts/event/{event.pk}/change/").content.decode()
    assert why in unescape(page)
    assert "hush" not in page


def test_no_event_holds_what_may_be_secret_in_an_address(client: Client, house: None) -> None:
    client.get("/login/reset/MQ/set-abcdef-0123456789abcdef/more?code=hush")
    client.get("/login/failed/ABCD-EFGH")
    details = " ".join(Event.objects.values_list("detail", flat=True))
    assert "404 GET /login/..." in details
    assert "404 GET /login/failed/<str:code>" in details
    assert not {"abcdef", "hush", "ABCD"} & set(re.split(r"\W", details))


def test_a_stranger_does_not_fill_the_audit_trail(client: Client, house: None) -> None:
    answers = [client.get(f"/no-such-page-{number}") for number in range(70)]
    assert Event.objects.count() == 60
    assert answers[-1].status_code == 404
    assert "Support code" not in answers[-1].content.decode()
    elsewhere = Client(REMOTE_ADDR="192.0.2.9").get("/no-such-page")
    assert Event.objects.filter(support_code=told(elsewhere)).exists()


def test_a_defect_that_cannot_be_recorded_shows_no_code(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_event: Event) -> None:
        raise RuntimeError("another defect")

    monkeypatch.setattr(events, "record", broken)
    answer = server_error(Client(raise_request_exception=False), monkeypatch)
    assert answer.status_code == 500
    assert not CODE.search(answer.content.decode())
    assert 'class="button" href="/account/"' in answer.content.decode()  # to ask once more


def test_a_defect_behind_a_json_route_is_json_to_whoever_takes_all(
    house: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(catalogue, "enabled", broken)
    asking = Client(raise_request_exception=False, headers={"Accept": "*/*"})
    answer = asking.get("/openid/providers")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert answer["Cache-Control"] == "no-store"


def wrong_password(client: Client, peer: Upstream) -> Any:
    return sign_in(client, password="wrong")  # a guess


def refused_answer(client: Client, peer: Upstream) -> Any:
    return client.get("/auth/callback/town", {"code": "x", "state": "made-up"}, follow=True)


def upstream_in_trouble(client: Client, peer: Upstream) -> Any:
    peer.mood = "failing"
    return client.get(enter(client, "town")["Location"])


def still_signed_in_there(client: Client, peer: Upstream) -> Any:
    enter(client, "town")
    peer.mood = "failing"
    return client.post("/auth/logout", follow=True)


ATTEMPTS = (wrong_password, refused_answer, upstream_in_trouble, still_signed_in_there)


@pytest.mark.parametrize("ask", ATTEMPTS, ids=lambda ask: ask.__name__)
def test_the_code_of_an_attempt_is_found_by_the_desk(
    ask: Any, person: User, desk: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="call")
    code = told(ask(Client(), peer))
    page = desk.get("/admin/accounts/event/", {"q": code}).content.decode()
    assert page.count(code) > 1, "in the list, not in the search field alone"
    assert Event.objects.filter(support_code=code).exists()
