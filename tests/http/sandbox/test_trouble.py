"""Trouble on demand: each switch does what it says, and the switches always answer."""

from __future__ import annotations

from collections.abc import Iterator

import jwt
import pytest
import requests

from tests.http.sandbox.running import LEFT, Browser, Sandbox, told

ENDPOINTS = (
    ".well-known/openid-configuration", "jwks", "authorize", "token", "userinfo", "introspect",
    "revoke", "end_session",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _normal_afterwards(browser: Browser) -> Iterator[None]:
    yield
    browser.trouble("normal")


def test_the_page_shows_the_trouble_of_the_moment(browser: Browser) -> None:
    for name in ("slow", "down", "wrong-key", "wrong-issuer", "refuses", "normal"):
        browser.trouble(name)
        page = browser.get("/").text
        assert page.count('aria-current="true"') == 2  # and the language
        assert f'value="{name}" aria-current="true"' in page


def test_an_unknown_trouble_changes_nothing(browser: Browser) -> None:
    browser.get("/")
    assert browser.post("/trouble", trouble="<b>").status_code == 400
    assert browser.post("/trouble", csrfmiddlewaretoken="", trouble="down").status_code == 403
    assert 'value="normal" aria-current="true"' in browser.get("/").text


@pytest.mark.parametrize("path", ENDPOINTS)
def test_down_is_an_error_everywhere(sandbox: Sandbox, browser: Browser, path: str) -> None:
    browser.trouble("down")
    assert requests.get(f"{sandbox.issuer}/{path}", timeout=60).status_code == 503
    assert requests.post(f"{sandbox.issuer}/{path}", timeout=60).status_code == 503
    assert sandbox.answers()


def test_slow_outlasts_the_patience_of_servers_but_not_of_people(
    sandbox: Sandbox, browser: Browser
) -> None:
    browser.trouble("slow")
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{sandbox.issuer}/jwks", timeout=(60, 1))
    assert browser.authorize().status_code == 200


def test_a_wrong_key_is_the_right_name_with_a_strangers_signature(
    sandbox: Sandbox, browser: Browser
) -> None:
    browser.trouble("wrong-key")
    token = browser.tokens()["id_token"]
    with pytest.raises(jwt.InvalidSignatureError):
        sandbox.verified(token)


def test_a_wrong_issuer_is_in_the_answer_and_in_the_token(
    sandbox: Sandbox, browser: Browser
) -> None:
    browser.trouble("wrong-issuer")
    answer = browser.enter()
    assert answer["iss"] == f"{sandbox.url}/somebody-else"
    token = browser.redeem(answer["code"]).json()["id_token"]
    with pytest.raises(jwt.InvalidIssuerError):
        sandbox.verified(token)
    found = requests.get(f"{sandbox.issuer}/.well-known/openid-configuration", timeout=60).json()
    assert found["issuer"] == sandbox.issuer


def test_refuses_lets_nobody_in_and_renews_nothing(sandbox: Sandbox, browser: Browser) -> None:
    tokens = browser.tokens()
    browser.trouble("refuses")
    assert told(browser.authorize())["error"] == "access_denied"
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert sandbox.post("token", **form).json()["error"] == "invalid_grant"
    browser.trouble("normal")
    assert sandbox.post("token", **form).status_code == 200


def test_a_person_can_still_leave_while_it_refuses(browser: Browser) -> None:
    hint = browser.tokens()["id_token"]
    browser.trouble("refuses")
    given = {"id_token_hint": hint, "post_logout_redirect_uri": LEFT}
    assert browser.get("/openid/end_session", given).headers["Location"] == LEFT
