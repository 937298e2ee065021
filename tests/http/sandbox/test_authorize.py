"""What the stand-in answers at its authorization endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.sandbox.running import (
    CALLBACK,
    CITIZEN,
    LIBRARIAN,
    Browser,
    Sandbox,
    hidden,
    told,
)

XSS = '"><script>alert(1)</script>'


def test_the_answer_echoes_the_state_and_names_the_issuer(
    sandbox: Sandbox, browser: Browser
) -> None:
    answer = browser.enter()
    assert answer["state"] == "the-state"
    assert answer["iss"] == sandbox.issuer
    assert answer["code"]


def test_without_a_state_none_comes_back(browser: Browser) -> None:
    assert set(browser.enter(state=None)) == {"code", "iss"}


def test_the_page_lists_every_persona_and_is_marked(browser: Browser) -> None:
    page = browser.authorize()
    assert page.status_code == 200
    assert page.text.count('name="persona" value="') == 6  # five people and Cancel
    assert "Not a real identity source" in page.text
    assert "no-store" in page.headers["Cache-Control"]


def test_cancel_is_access_denied(browser: Browser) -> None:
    answer = browser.enter("")
    assert answer["error"] == "access_denied"
    assert answer["state"] == "the-state"
    assert browser.authorize(prompt="none").status_code == 303


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://example.org/"}, "request_not_supported"),
    ],
    ids=str,
)
def test_a_wrong_request_is_answered_to_the_client(
    sandbox: Sandbox, browser: Browser, changed: dict[str, Any], error: str
) -> None:
    answer = told(browser.authorize(**changed))
    assert answer["error"] == error
    assert answer["state"] == "the-state"
    assert answer["iss"] == sandbox.issuer
    assert "code" not in answer


def test_a_repeated_parameter_is_refused(browser: Browser) -> None:
    twice = [*browser.request().items(), ("nonce", "another")]
    assert told(browser.get("/openid/authorize", twice))["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": f"{CALLBACK}?x=1"},
        {"redirect_uri": CALLBACK.replace("localhost", "127.0.0.1")},
        {"redirect_uri": CALLBACK.upper()},
        {"redirect_uri": "https://example.org/"},
        {"redirect_uri": None},
        {"client_id": "stranger"},
        {"client_id": None},
    ],
    ids=str,
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(
    browser: Browser, changed: dict[str, Any]
) -> None:
    page = browser.authorize(**changed)
    assert page.status_code == 400
    assert "Location" not in page.headers


def test_an_address_that_comes_twice_is_no_address(browser: Browser) -> None:
    twice = [*browser.request().items(), ("redirect_uri", CALLBACK)]
    assert browser.get("/openid/authorize", twice).status_code == 400


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "nonce", "scope", "prompt"])
def test_markup_in_a_parameter_stays_text(browser: Browser, name: str) -> None:
    scope = {"scope": f"openid {XSS}"} if name == "scope" else {name: XSS}
    page = browser.authorize(**scope)
    assert "<script>alert" not in page.text
    assert "<script>alert" not in page.headers.get("Location", "")


def test_markup_in_the_state_stays_text_in_a_form_post(browser: Browser) -> None:
    page = browser.choose(browser.authorize(state=XSS, response_mode="form_post"), CITIZEN)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert hidden(page, "state") == XSS
    assert hidden(page, "code")
    assert f'action="{CALLBACK}"' in page.text


def test_a_known_person_is_asked_again_only_on_request(browser: Browser) -> None:
    browser.enter()
    assert told(browser.authorize())["code"]
    assert told(browser.authorize(prompt="none"))["code"]
    assert told(browser.authorize(max_age="3600"))["code"]
    assert browser.authorize(prompt="login").status_code == 200
    assert browser.authorize(prompt="select_account").status_code == 200


def test_a_fresh_proof_makes_a_session_in_place_of_the_old_one(browser: Browser) -> None:
    first = browser.tokens()
    second = browser.tokens(LIBRARIAN, prompt="login")
    sids = [browser.sandbox.verified(each["id_token"])["sid"] for each in (first, second)]
    assert sids[0] != sids[1]


def test_a_choice_needs_the_page_it_was_made_on(browser: Browser) -> None:
    page = browser.authorize()
    sealed = hidden(page, "request")
    forged = browser.post("/openid/authorize/choose", request=f"{sealed}x", persona=CITIZEN)
    assert forged.status_code == 400
    del browser.session.cookies["sandbox-csrf"]
    bare = browser.post("/openid/authorize/choose", request=sealed, persona=CITIZEN)
    assert bare.status_code == 403


def test_a_request_may_be_posted(browser: Browser) -> None:
    page = browser.post("/openid/authorize", **browser.request())
    assert told(browser.choose(page, CITIZEN))["code"]


def test_the_page_speaks_danish_and_german(browser: Browser) -> None:
    for language in ("da", "de"):
        browser.session.headers["Accept-Language"] = language
        assert f'<html lang="{language}">' in browser.authorize().text


def test_no_cookie_has_a_name_of_the_sites(browser: Browser) -> None:
    browser.enter()
    browser.post("/i18n/setlang/", language="da")
    assert {cookie.name for cookie in browser.session.cookies} == {
        "sandbox-openid",
        "sandbox-csrf",
        "sandbox-language",
    }
