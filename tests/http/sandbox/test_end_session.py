"""Leaving the stand-in, from the site and at the stand-in itself, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from tests.http.sandbox.running import CITIZEN, LEFT, LIBRARIAN, Browser, Sandbox, hidden, told
from tests.sandbox.clients import CLIENT_ID, PUBLIC_CLIENT_ID

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def is_known(browser: Browser) -> bool:
    return "code" in told(browser.authorize(prompt="none"))


def end(browser: Browser, **given: str) -> Any:
    return browser.get("/openid/end_session", given)


def test_a_hint_ends_the_session_and_sends_the_person_back(browser: Browser) -> None:
    tokens = browser.tokens()
    answer = end(
        browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=LEFT, state="a b"
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{LEFT}?state=a+b"
    assert not is_known(browser)
    again = browser.sandbox.post(
        "token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert again.json()["error"] == "invalid_grant"


def test_without_a_state_the_address_is_the_registered_one(browser: Browser) -> None:
    hint = browser.tokens()["id_token"]
    answer = end(browser, id_token_hint=hint, post_logout_redirect_uri=LEFT)
    assert answer.headers["Location"] == LEFT


def test_without_a_hint_the_person_is_asked(browser: Browser) -> None:
    browser.enter()
    page = end(browser, client_id=CLIENT_ID, post_logout_redirect_uri=LEFT, state="s")
    assert page.status_code == 200
    assert is_known(browser)
    done = browser.post("/openid/end_session/confirm", back=hidden(page, "back"))
    assert done.headers["Location"] == f"{LEFT}?state=s"
    assert not is_known(browser)


def test_the_question_is_answered_by_its_own_form_only(browser: Browser) -> None:
    browser.enter()
    end(browser)
    browser.post("/openid/end_session/confirm", csrfmiddlewaretoken="forged")
    assert is_known(browser)


@pytest.mark.parametrize(
    "given",
    [
        {"post_logout_redirect_uri": "https://example.org/"},
        {"post_logout_redirect_uri": f"{LEFT}/"},
        {"post_logout_redirect_uri": LEFT, "client_id": PUBLIC_CLIENT_ID},
        {},
    ],
    ids=str,
)
def test_nobody_is_sent_to_an_unregistered_address(browser: Browser, given: dict[str, str]) -> None:
    answer = end(browser, id_token_hint=browser.tokens()["id_token"], **given)
    assert answer.status_code == 200
    assert "You are signed out here" in answer.text
    assert not is_known(browser)


def test_the_hint_of_another_session_does_not_end_this_one(
    sandbox: Sandbox, browser: Browser
) -> None:
    foreign = Browser(sandbox).tokens(LIBRARIAN)["id_token"]
    browser.enter(CITIZEN)
    assert end(browser, id_token_hint=foreign).status_code == 200
    assert is_known(browser)


@pytest.mark.parametrize("kind", ["nonsense", "access_token", "unsigned"])
def test_what_is_no_id_token_of_ours_is_no_hint(browser: Browser, kind: str) -> None:
    tokens = browser.tokens()
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    hints = {
        "nonsense": "a.b.c",
        "access_token": tokens["access_token"],
        "unsigned": jwt.encode(claims, None, algorithm="none"),  # type: ignore[arg-type]
    }
    assert end(browser, id_token_hint=hints[kind]).status_code == 200
    assert is_known(browser)


def test_a_server_ends_a_session_by_its_hint(sandbox: Sandbox, browser: Browser) -> None:
    tokens = browser.tokens()
    assert end(Browser(sandbox), id_token_hint=tokens["id_token"]).status_code == 200
    assert not is_known(browser)


def test_a_stranger_who_leaves_is_sent_back(browser: Browser) -> None:
    answer = end(browser, client_id=CLIENT_ID, post_logout_redirect_uri=LEFT)
    assert answer.headers["Location"] == LEFT


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """Give the address of a client's logout route, and the logout tokens that it was sent."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append(parse_qs(body)["logout_token"][0])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/told", heard
    server.shutdown()
    server.server_close()


def test_the_client_is_told_once_of_each_end(tmp_path: Path) -> None:
    with listener() as (address, heard):
        sandbox = Sandbox(tmp_path, backchannel=address)
        sandbox.start()
        try:
            browser = Browser(sandbox)
            claims = sandbox.verified(browser.tokens()["id_token"])
            browser.redeem(told(browser.authorize())["code"])
            browser.get("/")
            assert browser.post("/openid/leave").status_code == 303
            assert not is_known(browser)
            (token,) = heard
            said = sandbox.verified(token)
        finally:
            sandbox.stop()
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    assert (said["sub"], said["sid"]) == (claims["sub"], claims["sid"])
    assert said["events"] == {EVENT: {}}
    assert said["jti"]
    assert "nonce" not in said


def test_a_client_that_does_not_answer_keeps_nobody_signed_in(tmp_path: Path) -> None:
    with listener() as (address, _heard):
        pass  # gone
    sandbox = Sandbox(tmp_path, backchannel=address)
    sandbox.start()
    try:
        browser = Browser(sandbox)
        hint = browser.tokens()["id_token"]
        assert end(browser, id_token_hint=hint).status_code == 200
        assert not is_known(browser)
    finally:
        sandbox.stop()
