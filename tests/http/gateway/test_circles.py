"""A browser whose cookie does not arrive at an application goes round in no circle (docs/gateway.md
10).
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.http.conftest import sign_in
from tests.http.gateway.asking import HOST, ask, rule

MOST = 20  # redirects that Chromium follows


@pytest.fixture(autouse=True)
def domain(settings: Any) -> None:
    settings.SESSION_COOKIE_DOMAIN = "example.org"


def rounds(browser: Client, path: str) -> tuple[int, Any]:
    """Follow the way that a browser goes which keeps no cookie of the application's host."""
    for redirects in range(0, MOST, 2):
        page = browser.get(ask(path=path)["Location"].removeprefix("http://localhost:8000"))
        if page.status_code != 303:
            return redirects + 1, page
        assert page["Location"] == f"https://{HOST}{path}"
    return MOST, None


def test_its_person_is_told(person: User) -> None:
    rule("files")
    browser = Client()
    sign_in(browser)
    redirects, page = rounds(browser, "/report")
    assert redirects < MOST
    assert page.status_code == 400
    assert page["Cache-Control"] == "no-store"
    text = page.content.decode()
    assert "You could not be signed in there" in text
    assert f'class="button" href="https://{HOST}/report"' in text
    assert HOST in text


def test_nobody_else_is(person: User) -> None:
    """Another page, another person, and a page of the site."""
    rule("files")
    browser, other = Client(), Client()
    sign_in(browser)
    sign_in(other)
    rounds(browser, "/report")
    for who, address in ((browser, "/another"), (other, "/report")):
        answer = who.get("/login", {"next": f"https://{HOST}{address}"})
        assert (answer.status_code, answer["Location"]) == (303, f"https://{HOST}{address}")
    for _time in range(MOST):
        assert browser.get("/login?next=/account/")["Location"] == "/account/"
