"""Every support code that a page shows is found by the desk."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Event, User
from portal.pages import account
from tests.http.conftest import sign_in

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


def server_error(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    def broken(_slug: str) -> str:
        raise RuntimeError("a defect")

    sign_in(client)
    monkeypatch.setattr(account, "_label", broken)
    return client.get("/account/")


PAGES = (not_found, forbidden, form_expired, bad_request, server_error)


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
