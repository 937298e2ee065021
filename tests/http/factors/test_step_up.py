"""A demand for a stronger sign-in (docs/strength.md 5) meets the second step of a password."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.factors import second_step
from accounts.models import PendingSignIn, User
from accounts.session.store import SessionStore
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import SECOND, Factor

pytestmark = pytest.mark.django_db(transaction=True)
PROVEN = {"username": "alice", "password": PASSWORD, "next": "/account/data", "again": "1"}


def strength_of(browser: Client) -> str:
    return SessionStore(browser.cookies["vestibule"].value).typed.acr


def demanding(browser: Client, word: str) -> str:
    """Send the form that a demand has led to. Returns where it leads."""
    page = browser.get("/login", {"again": "1", "strength": word, "next": "/account/data"})
    form = browser.get(page["Location"])
    assert f'name="strength" value="{word}"' in form.content.decode()
    return str(browser.post(page["Location"], {**PROVEN, "strength": word})["Location"])


def test_who_has_no_factor_sets_one_up_and_is_stronger(person: User) -> None:
    browser = Client()
    sign_in(browser)
    assert strength_of(browser) == "low"
    assert demanding(browser, "substantial") == SECOND
    page = browser.get(SECOND)
    assert page.context["may_wait"] is False, "a demand is not put off"
    assert strength_of(browser) == "low", "still signed in as before"


def test_who_has_one_gives_a_code_and_goes_on(person: User) -> None:
    browser = Client()
    sign_in(browser)
    factor = Factor(person)
    assert demanding(browser, "substantial") == SECOND
    answer = browser.post(SECOND, {"code": factor.code(), "strength": "substantial"})
    assert answer["Location"] == "/account/data"
    assert strength_of(browser) == second_step.SUBSTANTIAL


def test_what_no_second_step_reaches_is_said_plainly(person: User) -> None:
    browser = Client()
    Factor(person)
    answer = browser.post("/auth/login/local", {**PROVEN, "strength": "high"})
    assert answer.status_code == 403
    assert "with more than a password" in answer.content.decode()
    assert browser.get("/auth/session").json()["isLoggedIn"] is False
    assert not PendingSignIn.objects.exists()


def test_a_demand_opens_no_way_around_the_second_step(person: User, settings: Any) -> None:
    Factor(person)
    settings.VESTIBULE_STRENGTHS = ["low=high", "substantial=high"]
    for word in ("low", "substantial", "high"):
        browser = Client()
        answer = browser.post("/auth/login/local", {**PROVEN, "strength": word})
        assert answer["Location"] == SECOND, word
