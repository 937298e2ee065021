"""The database takes no row amid a sign-in: the same form counts when it is sent once more."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.models import KnownDevice, User
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.http.factors.conftest import SECOND, Factor, factor, went_in
from tests.http.oauth.application import Application, register
from tests.peers.database import no_room_in

__all__ = ["factor"]
pytestmark = pytest.mark.django_db(transaction=True)


def visitor() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False, HTTP_HOST="localhost")


def token_of(browser: Client, path: str) -> dict[str, str]:
    page = browser.get(path).content.decode()
    (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    return {"csrfmiddlewaretoken": token}


@pytest.mark.parametrize("table", ["storedsession", "knowndevice"])
def test_a_sign_in_that_is_not_kept_is_tried_again(person: User, table: str) -> None:
    browser = visitor()
    form = {"username": "alice", "password": PASSWORD, **token_of(browser, "/auth/login/local")}
    with no_room_in(f"accounts_{table}"):
        refused = browser.post("/auth/login/local", form)
    assert refused.status_code == 503
    assert not went_in(browser)
    assert browser.post("/auth/login/local", form).status_code == 303
    assert went_in(browser)
    assert KnownDevice.objects.get().user == person


@pytest.mark.parametrize("table", ["storedsession", "event", "knowndevice"])
def test_a_second_step_that_is_not_kept_spends_no_code(factor: Factor, table: str) -> None:
    browser = visitor()
    form = {"username": "alice", "password": PASSWORD, **token_of(browser, "/auth/login/local")}
    assert browser.post("/auth/login/local", form)["Location"] == SECOND
    step = {"code": factor.code(), **token_of(browser, SECOND)}
    with no_room_in(f"accounts_{table}"):
        assert browser.post(SECOND, step).status_code == 503
    assert not went_in(browser)
    assert browser.post(SECOND, step).status_code == 303
    assert went_in(browser)


@pytest.mark.parametrize("way", ["an application", "the list of sessions"])
def test_whose_logout_is_not_kept_leaves_this_browser_all_the_same(person: User, way: str) -> None:
    """docs/contract.md, Always: leaving takes the cookie back."""
    browser = Client(raise_request_exception=False, HTTP_HOST="localhost")
    own = Application(register(skip_authorization=True), browser)
    sign_in(browser)
    own.sign_in()
    with no_room_in("accounts_storedsession"):
        if way == "an application":
            hint = {"id_token_hint": own.tokens["id_token"]}
            answer = browser.get("/oauth/logout", hint)
        else:
            answer = browser.post("/account/sessions", {"end": stored(browser).uid})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "This browser is signed out" in answer.content.decode()
    assert browser.cookies["vestibule"].value == ""
    assert not went_in(browser)
