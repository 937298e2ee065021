"""What is said on the next page: to the session that it was said to, and to nobody beside it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages, success
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from accounts.session.store import SessionStore
from portal.door.said import Said
from tests.http.conftest import PASSWORD, later, sign_in, stored

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "vestibule-messages"
SAID = "That device is signed out."


def end_another(client: Client) -> Any:
    """Sign another browser of the person's out, and leave unread what is said of it."""
    other = Client()
    sign_in(other)
    return client.post("/account/sessions", {"end": stored(other).uid})


def is_said(client: Client, path: str = "/") -> bool:
    return SAID in client.get(path).content.decode()


def test_its_cookie_is_of_this_host_and_sealed(client: Client, person: User, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_DOMAIN = "vestibule", "example.org"
    sign_in(client)
    (cookie,) = [held for name, held in end_another(client).cookies.items() if "messages" in name]
    assert cookie.key == f"__Host-{NAME}"
    assert (cookie["domain"], cookie["path"], cookie["max-age"]) == ("", "/", "")
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie.value.count(".") == 1
    assert is_said(client)
    assert client.cookies[cookie.key].value == ""
    assert not is_said(client)


def test_it_is_read_by_its_session_alone(client: Client, person: User) -> None:
    sign_in(client)
    end_another(client)
    stranger, neighbour = Client(), Client()
    sign_in(neighbour)
    for other in (stranger, neighbour):
        other.cookies[NAME] = client.cookies[NAME].value
        assert not is_said(other)
        assert other.cookies[NAME]["max-age"] == 0
    assert is_said(client)


@pytest.mark.parametrize("over", ["left", "idle"])
def test_nothing_stays_of_who_was_there_before(client: Client, person: User, over: str) -> None:
    client.post("/auth/login/local", {"username": "alice", "password": PASSWORD, "shared": "1"})
    end_another(client)
    if over == "left":
        client.post("/auth/logout", {"return_to": "/healthz"})
        assert client.cookies[NAME]["max-age"] == 0
    with later(client, minutes=11 if over == "idle" else 0):
        assert not is_said(client, "/login?choose=1")


def test_what_is_said_to_nobody_is_for_now(client: Client, house: None) -> None:
    answer = client.post("/login/second", {"code": "1"})
    assert NAME in answer.cookies
    with later(client, minutes=9):
        held = client.cookies[NAME].value
        assert "took too long" in client.get(answer["Location"]).content.decode()
    client.cookies[NAME] = held
    with later(client, minutes=11):
        assert "took too long" not in client.get(answer["Location"]).content.decode()


def test_the_newest_stay_where_a_browser_keeps_no_more(rf: Any, house: None) -> None:
    request, response = rf.get("/"), HttpResponse()
    request.session, request._messages = SessionStore(), Said(request)
    for number in range(160):
        success(request, f"Ein Link ist unterwegs an {number}, für später.")
    lost = request._messages.update(response)
    cookie = response.cookies[NAME]
    assert len(cookie.OutputString()) < 3300
    request.COOKIES, request._messages = {NAME: cookie.value}, Said(request)
    kept = [str(each) for each in get_messages(request)]
    assert len(kept) + len(lost) == 160
    assert "an 159," in kept[-1]
    assert len(kept) > 20
